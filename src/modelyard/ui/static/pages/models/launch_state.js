// What the launch form holds: the fields, the engines, the versions of the model, and the plan of what is typed, which is made anew with it.
import { get, path, post } from "../../lib/api.js";
import { batch, computed, effect, signal } from "../../lib/html.js";
import { resource } from "../../lib/resource.js";
import { optionsOf, rawOf, readValues } from "../../lib/schema.js";

/** @typedef {import("../../../types/api").LaunchPlanInfo} Plan */
/** @typedef {import("../../../types/api").EngineInfo} EngineInfo */
/** @typedef {{ model_format: string, model_size_in_billions: any, quantizations?: string[] | null, quantization?: string | null }} Version */

const PLAN_DELAY = 250;
/** Fields with controls of their own, not made from the schema. */
export const OWN = ["model_name", "model_type", "model_engine", "model_format", "model_size_in_billions", "quantization", "peft_model_config", "download_hub"];
/** @type {import("../../lib/schema.js").Option[]} */
const EXTRA = [
  { name: "lora_modules", kind: "list", nullable: true, description: "", default: null, choices: [], min: undefined, max: undefined, group: "adapters", advanced: false, required: false },
];

export class LaunchState {
  /** @param {Record<string, string>} query of the address: name, type, hub, uid; `like` is a model whose launch fills the form, `again` keeps its name */
  constructor({ name, type, hub, uid, like, again }) {
    /** @type {import("@preact/signals").Signal<import("../../lib/schema.js").Raw>} */
    this.raw = signal({ model_name: name ?? "", model_type: type, download_hub: hub, model_uid: uid });
    this.engines = resource((abort) => get("v1/engines", undefined, abort));
    /** Engine's name → versions of the model that it runs, or why it runs none. */
    this.table = resource((abort) => this.#loadTable(abort));
    /** @type {import("@preact/signals").Signal<Plan | null>} */
    this.plan = signal(null);
    /** Why there is no plan. @type {import("@preact/signals").Signal<any>} */
    this.planError = signal(null);
    this.planning = signal(false);
    /** The engine that the launch would use: the chosen one, or what the plan says. */
    this.engine = computed(() => this.#engine());
    this.options = computed(() => this.#options());
    this.read = computed(() => readValues(this.options.value, this.raw.value));
    this.body = computed(() => this.#body());
    this.#model = like ? { uid: like, again: again === "1" } : null;
    /** Fields of that launch which hold secrets and have to be typed again. @type {import("@preact/signals").Signal<string[]>} */
    this.hidden = signal([]);
    this.#subject = computed(() => this.#described());
  }

  /** @type {{ uid: string, again: boolean } | null} */
  #model;
  #subject;
  /** The model that the present plan is about. */
  #planned = signal("");
  #timer = 0;
  #abort = new AbortController();

  /** Load, and plan whenever something changes; returns what ends it. */
  begin() {
    void this.engines.reload().then(() => this.#fillFromModel());
    let before = "";
    const ends = [
      effect(() => {
        if (this.#subject.value) void this.table.reload();
      }),
      effect(() => {
        const body = JSON.stringify(this.body.value);
        if (body === before) return;
        before = body;
        clearTimeout(this.#timer);
        this.#abort.abort();
        if (!this.body.value.model_name && !this.body.value.model_path) {
          this.plan.value = null;
          this.planning.value = false;
          return;
        }
        this.planning.value = true;
        this.#timer = window.setTimeout(() => void this.#makePlan(JSON.parse(body)), PLAN_DELAY);
      }),
    ];
    return () => {
      ends.forEach((end) => end());
      clearTimeout(this.#timer);
      this.#abort.abort();
      this.table.abort();
    };
  }

  /** Fill the form with what another model was launched with. */
  async #fillFromModel() {
    if (!this.#model) return;
    const { uid, again } = this.#model;
    this.#model = null;
    try {
      const { launch, hidden } = await get(path`v1/launches/${uid}`);
      this.fill(again ? { ...launch, model_uid: uid } : { ...launch, model_uid: undefined });
      this.hidden.value = hidden;
    } catch (error) {
      this.planError.value = error;
    }
  }

  /** @param {any} body */
  async #makePlan(body) {
    const own = (this.#abort = new AbortController());
    try {
      const plan = await post("v1/models/plan", body, own.signal);
      if (own.signal.aborted) return;
      batch(() => {
        this.plan.value = plan;
        this.planError.value = null;
        this.#planned.value = body.model_name ?? "";
      });
    } catch (error) {
      if (own.signal.aborted) return;
      this.planError.value = error;
    }
    this.planning.value = false;
  }

  /** @param {AbortSignal} abort */
  async #loadTable(abort) {
    const { model_name: name, model_type: type } = this.raw.peek();
    if (!name?.trim()) return {};
    const kind = type || this.plan.peek()?.model_type || (/^[/~.]/.test(name) ? "LLM" : "");
    const place = [kind, ...name.trim().split("/")].filter((part, index) => part || index > 0).map(encodeURIComponent).join("/");
    return get(`v1/engines/${place}`, { reasons: true }, abort);
  }

  /** @param {string} name @param {any} value */
  set(name, value) {
    const next = { ...this.raw.value, [name]: value === "" ? undefined : value };
    if (name === "model_name") {
      this.table.abort();
      this.table.data.value = undefined;
      Object.assign(next, { model_type: undefined, model_format: undefined, model_size_in_billions: undefined, quantization: undefined, download_hub: undefined });
    }
    if (name === "model_engine" || name === "model_format") Object.assign(next, { model_size_in_billions: undefined, quantization: undefined });
    if (name === "model_engine") next.model_format = undefined;
    if (name === "model_size_in_billions") next.quantization = undefined;
    this.raw.value = next;
  }

  /** Leave version, engine and sizes to the server. */
  choose() {
    const { model_name, model_type, model_uid, download_hub } = this.raw.value;
    this.raw.value = { model_name, model_type, model_uid, download_hub };
  }

  /** Fill the form from the body of a launch. Fields that it does not know stay as texts. @param {Record<string, any>} launch */
  fill(launch) {
    const engine = this.engineNamed(launch.model_engine);
    const known = [...this.#launchOptions(), ...EXTRA, ...(engine ? optionsOf(engine.options) : (this.engines.data.value?.data ?? []).flatMap((/** @type {EngineInfo} */ each) => optionsOf(each.options)))];
    const { peft_model_config: peft, ...rest } = launch;
    const adapters = (peft?.lora_list ?? []).map((/** @type {any} */ each) => `${each.lora_name}=${each.local_path}`);
    const values = adapters.length ? { ...rest, lora_modules: adapters } : rest;
    const own = Object.fromEntries(OWN.filter((name) => rest[name] !== undefined && rest[name] !== null).map((name) => [name, rest[name]]));
    if (engine) own.model_engine = engine.id;
    const unknown = Object.fromEntries(Object.entries(values).filter(([name]) => !OWN.includes(name) && !known.some((each) => each.name === name)));
    this.raw.value = { ...unknown, ...rawOf(known, values), ...own };
  }

  /** @param {string | undefined | null} name in any usual spelling @returns {EngineInfo | undefined} */
  engineNamed(name) {
    const plain = (/** @type {string} */ text) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
    return name ? this.engines.data.value?.data.find((/** @type {EngineInfo} */ each) => [each.id, each.title, ...each.aliases].some((one) => plain(one) === plain(name))) : undefined;
  }

  /** Name and type of a model that the server knows, else "": engines that run only what is named have no versions. */
  #described() {
    const { model_name: name, model_type: type, model_engine: engine } = this.raw.value;
    const known = this.#planned.value === name?.trim() && this.plan.value?.refusal?.code !== "not_found";
    const named = this.engineNamed(engine || this.plan.value?.model_engine);
    return known && !named?.only_by_name ? JSON.stringify([name.trim(), type]) : "";
  }

  #engine() {
    return this.engineNamed(this.raw.value.model_engine) ?? this.engineNamed(this.plan.value?.model_engine);
  }

  #launchOptions() {
    return optionsOf(this.engines.data.value?.launch).filter((option) => !OWN.includes(option.name));
  }

  #options() {
    const ofEngine = optionsOf(this.engine.value?.options).filter((option) => !OWN.includes(option.name));
    const names = new Set(ofEngine.map((each) => each.name));
    const mine = this.#launchOptions().filter((each) => !names.has(each.name));
    return [...mine, ...EXTRA, ...ofEngine];
  }

  /** Fields that no control shows, such as those of a pasted command for another engine. */
  get others() {
    const shown = new Set([...OWN, ...this.options.value.map((each) => each.name)]);
    return Object.keys(this.raw.value).filter((name) => this.raw.value[name] !== undefined && !shown.has(name));
  }

  /** @returns {Record<string, any>} */
  #body() {
    const raw = this.raw.value;
    const named = Object.fromEntries(OWN.map((name) => [name, typeof raw[name] === "string" ? raw[name].trim() : raw[name]]).filter(([, value]) => value !== undefined && value !== ""));
    const other = this.engines.data.value ? Object.fromEntries(this.others.map((name) => [name, raw[name]])) : {};
    return { ...named, ...other, ...this.read.value.values };
  }

  /** Versions that the chosen engine runs, or any engine. @returns {Version[]} */
  get versions() {
    const table = this.table.data.value ?? {};
    const chosen = this.engineNamed(this.raw.value.model_engine);
    const lists = Object.entries(table).filter(([name, found]) => Array.isArray(found) && (!chosen || this.engineNamed(name)?.id === chosen.id));
    const seen = new Map(lists.flatMap(([, found]) => /** @type {Version[]} */ (found)).map((each) => [JSON.stringify([each.model_format, each.model_size_in_billions, each.quantizations ?? each.quantization]), each]));
    return [...seen.values()];
  }

  /** Why an engine cannot run the model, or "". @param {EngineInfo} engine */
  reasonAgainst(engine) {
    if (!engine.installed) return engine.missing[0] ?? "";
    const found = Object.entries(this.table.data.value ?? {}).find(([name]) => this.engineNamed(name)?.id === engine.id)?.[1];
    return typeof found === "string" ? found : "";
  }
}
