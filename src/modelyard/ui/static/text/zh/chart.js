export default {
  "chart.empty": "还没有数据",
  "chart.more": "{title}的更多操作",
  "chart.plot": "显示为曲线",
  "chart.table": "显示为表格",
  "chart.csv": "下载 CSV",
  "chart.time": "时间"
};
