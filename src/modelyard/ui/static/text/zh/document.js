export default {
  "document.page": "页码",
  "document.previous": "上一页",
  "document.next": "下一页",
  "document.of_pages": "/ {n}",
  "document.page_n": "{name} 第 {n} 页",
  "document.no_page": "此文档没有第 {n} 页。",
  "document.no_text": "此文档没有文本。",
  "document.written_by_hand": "此分段由人工编写，在文档中没有对应位置。",
  "document.before": "显示前文",
  "document.after": "显示后文"
};
