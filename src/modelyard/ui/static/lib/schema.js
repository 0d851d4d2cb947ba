// Reads a JSON Schema of an object as a list of options, and what people typed as values. Draws nothing.

/** @typedef {"text" | "integer" | "number" | "switch" | "choice" | "list" | "numbers" | "json" | "mixed"} OptionKind */
/**
 * @typedef {object} Option
 * @property {string} name
 * @property {OptionKind} kind `switch` is yes, no or unset where the schema allows null; `mixed` is a number or a text
 * @property {boolean} nullable
 * @property {string} description
 * @property {any} default
 * @property {any[]} choices
 * @property {number | undefined} min
 * @property {number | undefined} max
 * @property {string} group
 * @property {boolean} advanced
 * @property {boolean} required
 */
/** @typedef {Record<string, any>} Raw what is in the fields: texts, numbers, true and false; absent is untouched */

/** The options of an object's schema, in its order. @param {any} schema @returns {Option[]} */
export function optionsOf(schema) {
  const required = new Set(schema?.required ?? []);
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => optionOf(name, /** @type {any} */ (property), schema.$defs ?? {}, required.has(name)));
}

/** @param {string} name @param {any} property @param {Record<string, any>} definitions @param {boolean} required @returns {Option} */
function optionOf(name, property, definitions, required) {
  const kinds = (property.anyOf ?? property.oneOf ?? [property]).map((/** @type {any} */ each) => (each.$ref ? { ...definitions[each.$ref.split("/").pop()] } : each));
  const some = kinds.filter((/** @type {any} */ each) => each.type !== "null");
  const choices = some.flatMap((/** @type {any} */ each) => each.enum ?? (each.const === undefined ? [] : [each.const]));
  return {
    name,
    kind: kindOf(some, choices),
    nullable: some.length < kinds.length,
    description: property.description ?? "",
    default: property.default ?? null,
    choices,
    min: bound(some, "minimum", "exclusiveMinimum"),
    max: bound(some, "maximum", "exclusiveMaximum"),
    group: property.group ?? "other",
    advanced: property.advanced ?? false,
    required,
  };
}

/** @param {any[]} some @param {any[]} choices @returns {OptionKind} */
function kindOf(some, choices) {
  const types = new Set(some.flatMap((each) => each.type ?? (each.enum ? "string" : "object")));
  if (choices.length && !types.has("array")) return "choice";
  const list = some.find((each) => each.type === "array");
  if (types.has("object") || list?.items?.type === "object") return "json";
  if (types.size === 1 && types.has("boolean")) return "switch";
  if (list) return ["integer", "number"].includes(list.items?.type) ? "numbers" : "list";
  if (types.has("string")) return types.has("integer") || types.has("number") ? "mixed" : "text";
  return types.has("number") ? "number" : "integer";
}

/** @param {any[]} some @param {...string} names */
function bound(some, ...names) {
  for (const each of some) for (const name of names) if (typeof each[name] === "number") return each[name];
  return undefined;
}

/**
 * What the fields say: values that differ from the defaults, and a problem for each field that cannot be read.
 * @param {Option[]} options @param {Raw} raw @returns {{ values: Record<string, any>, problems: Record<string, { key: string, values?: any }> }}
 */
export function readValues(options, raw) {
  /** @type {Record<string, any>} */
  const values = {};
  /** @type {Record<string, { key: string, values?: any }>} */
  const problems = {};
  for (const option of options) {
    const typed = raw[option.name];
    if (typed === undefined || typed === null || typed === "") {
      if (option.required) problems[option.name] = { key: "required" };
      continue;
    }
    const { value, problem } = readOne(option, typed);
    if (problem) problems[option.name] = problem;
    else if (JSON.stringify(value) !== JSON.stringify(option.default)) values[option.name] = value;
  }
  return { values, problems };
}

/** @param {Option} option @param {any} typed @returns {{ value?: any, problem?: { key: string, values?: any } }} */
function readOne(option, typed) {
  const { kind, min, max } = option;
  if (kind === "integer" || kind === "number") {
    const value = Number(typed);
    if (!Number.isFinite(value)) return { problem: { key: "number" } };
    if (kind === "integer" && !Number.isInteger(value)) return { problem: { key: "integer" } };
    if (min !== undefined && value < min) return { problem: { key: "min", values: { n: min } } };
    if (max !== undefined && value > max) return { problem: { key: "max", values: { n: max } } };
    return { value };
  }
  if (kind === "switch") return { value: typed === true || typed === "true" };
  if (kind === "choice") return { value: option.choices.find((each) => String(each) === String(typed)) ?? typed };
  if (kind === "mixed") return { value: typeof typed === "string" && /^-?\d+(\.\d+)?$/.test(typed.trim()) ? Number(typed) : typeof typed === "string" ? typed.trim() : typed };
  if (kind === "list" || kind === "numbers") return readList(kind, typed);
  if (kind === "json") return readJson(typed);
  return { value: typed };
}

/** One item in each line. @param {OptionKind} kind @param {any} typed */
function readList(kind, typed) {
  const items = String(typed).split(/\n/).map((each) => each.trim()).filter(Boolean);
  if (kind === "list") return { value: items };
  const numbers = items.flatMap((each) => each.split(/[\s,]+/)).map(Number);
  return numbers.some((each) => !Number.isFinite(each)) ? { problem: { key: "number" } } : { value: numbers };
}

/** @param {any} typed */
function readJson(typed) {
  try {
    return { value: JSON.parse(String(typed)) };
  } catch {
    return { problem: { key: "json" } };
  }
}

/** Values as they stand in fields; the opposite of `readValues`. @param {Option[]} options @param {Record<string, any>} values @returns {Raw} */
export function rawOf(options, values) {
  /** @type {Raw} */
  const raw = {};
  for (const { name, kind } of options) {
    const value = values[name];
    if (value === undefined || value === null) continue;
    if (kind === "list" || kind === "numbers") raw[name] = Array.isArray(value) ? value.join("\n") : String(value);
    else if (kind === "json") raw[name] = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    else if (kind === "switch") raw[name] = value === true || value === "true";
    else if (kind === "integer" || kind === "number") raw[name] = Number(value);
    else raw[name] = kind === "mixed" || kind === "choice" ? String(value) : value;
  }
  return raw;
}
