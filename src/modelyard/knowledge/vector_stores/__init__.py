"""Knowledge bases in the form of OpenAI's vector stores. Nothing is stored twice: a store is a base, its files are documents."""
