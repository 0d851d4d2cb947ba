"""The routes of Xinference that Modelyard would not have by itself."""
