// Paths of knowledge bases.

/** The path of something in a base. @param {string} base @param {...(string | number)} more */
export const inBase = (base, ...more) => ["v1/knowledge_bases", ...[base, ...more].map(encodeURIComponent)].join("/");
