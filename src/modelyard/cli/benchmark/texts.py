"""Texts of prompts: common English words, and built-in questions, short and long, in English and Chinese."""

from __future__ import annotations

COMMON = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not "
    "what all were we when your can said there use an each which she do how their if will up other about out many then "
    "them these so some her would make like him into time has look two more write go see number no way could people my "
    "than first water been call who oil its now find long down day did get come made may part over new sound take only "
    "little work know place year live me back give most very after thing our just name good sentence man think say great "
    "where help through much before line right too mean old any same tell boy follow came want show also around form "
    "three small set put end does another well large must big even such because turn here why ask went men read need land "
    "different home us move try kind hand picture again change off play spell air away animal house point page letter "
    "mother answer found study still learn should world high every near add food between own below country plant last "
    "school father keep tree never start city earth eye light thought head under story saw left few while along might "
    "close something seem next hard open example begin life always those both paper together got group often run"
)
WORDS = tuple(COMMON.split())

QUESTIONS = (
    "What is the capital of France, and since when?",
    "Explain to a ten-year-old why the sky is blue.",
    "Write a function in Python that merges two sorted lists, and say what it costs.",
    "Give me three ideas for a dinner with lentils, carrots and rice.",
    "Summarise the causes of the First World War in five sentences.",
    "What is the difference between a process and a thread?",
    "Translate into French: 'The library closes at eight, but the café stays open.'",
    "A train leaves at 9:40 and arrives at 13:05. How long does the journey take? Show the steps.",
    "Write a polite letter that asks a landlord to repair a broken heater before winter.",
    "Which vitamins are in oranges, and what are they good for?",
    "Describe how a binary search works and when it cannot be used.",
    "Tell a short story about a lighthouse keeper who finds a message in a bottle.",
    "What should I look at when I buy a used bicycle?",
    "Why do leaves change their colour in autumn?",
    "Explain gradient descent without any formula.",
    "List the planets of the solar system with one remarkable fact about each.",
    "Write an SQL query that finds the three customers with the highest turnover in every month of last year. The tables "
    "are customers(id, name, country) and orders(id, customer_id, placed_at, total).",
    "I have slept badly for two weeks. What could I change in the evening?",
    "Compare solar panels and heat pumps for an old house: costs, savings, pitfalls.",
    "Correct the grammar: 'He don't knows where is the books what I has lent him.'",
    "Give me a packing list for five days of hiking in the rain.",
    "What is a hash table, and what happens when two keys have the same hash?",
    "Write a limerick about a cat that learned to open the fridge.",
    "How does a bill become law in a parliamentary system? Name the stages in order.",
    "Read this and answer: 'Mara planted twelve rows of beans with nine plants each. A hare ate every third plant of the "
    "first four rows.' How many plants are left, and which assumption did you make?",
    "法国的首都是哪里?它有哪些著名的景点?",
    "请用简单的语言解释什么是人工智能。",
    "写一首关于西湖秋天的七言绝句。",
    "请把下面的句子翻译成英文:学而时习之,不亦说乎?",
    "小明有三十六颗糖,分给八个同学,每人一样多,还剩几颗?请写出步骤。",
    "用 Python 写一个函数,判断一个字符串是不是回文,并说明时间复杂度。",
    "请介绍一下二十四节气中的清明,以及相关的习俗。",
    "怎样挑选一个新鲜的西瓜?",
    "请帮我写一封辞职信,语气礼貌,说明一个月后离职。",
    "数据库中的事务有哪四个特性?请分别举例说明。",
    "为什么海水是咸的,而河水是淡的?",
    "请给初学者推荐一份四周的跑步训练计划。",
    "比较高铁和飞机从北京到上海的优缺点。",
    "请用三句话概括《红楼梦》的主要内容。",
    "我的电脑开机很慢,可能有哪些原因,应该怎样一步一步地检查?",
    "什么是大语言模型的量化?它会带来哪些好处和损失?",
    "请设计一个适合周末的两天杭州旅行计划,包括交通、餐饮和预算。",
)
