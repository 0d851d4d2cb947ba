export default {
  "chart.empty": "No values yet",
  "chart.more": "More of {title}",
  "chart.plot": "As a plot",
  "chart.table": "As a table",
  "chart.csv": "Download as CSV",
  "chart.time": "Time"
};
