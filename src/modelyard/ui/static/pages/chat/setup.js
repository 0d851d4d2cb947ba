// How the next question is answered: by which model, from which sources, with which parameters. It is kept in the chat's settings.
import { get } from "../../lib/api.js";
import { batch, computed, signal } from "../../lib/html.js";
import { chatModels } from "../../lib/events.js";
import { resource } from "../../lib/resource.js";
import { can } from "../../lib/session.js";
import { choices, choose } from "../../lib/settings.js";

/** @typedef {"chat" | "knowledge" | "files" | "web" | "agent"} Mode */
/** @type {Mode[]} */
export const MODES = ["chat", "knowledge", "files", "web", "agent"];

/** The names of the knowledge bases that the caller may read. */
export const bases = resource(async (signal) => (can("knowledge:read") ? (await get("v1/knowledge_bases", { limit: 1000 }, signal)).data : []));
/** The tools and search engines of answers. */
export const tools = resource((signal) => get("v1/server/tools", undefined, signal));

/** Load what the menus of sources list; once. */
export function loadSources() {
  for (const each of [bases, tools]) if (each.data.value === undefined && !each.loading.value) void each.reload();
}

/** The setup of a chat; `save` writes changed settings. */
export class Setup {
  /** @param {(settings: any) => void} save */
  constructor(save) {
    this.save = save;
    /** @type {import("@preact/signals").Signal<Mode>} */
    this.mode = signal("chat");
    /** @type {import("@preact/signals").Signal<string | null>} */
    this.model = signal(choices.peek()["chat.model"] ?? null);
    /** @type {import("@preact/signals").Signal<string[]>} */
    this.bases = signal([]);
    /** @type {import("@preact/signals").Signal<string[]>} */
    this.tools = signal([]);
    /** @type {import("@preact/signals").Signal<string | null>} */
    this.engine = signal(null);
    this.system = signal("");
    /** @type {import("@preact/signals").Signal<Record<string, any>>} */
    this.parameters = signal({});
    this.sources = signal(5);
    /** The model that answers: the chosen one if it is there, else the first that runs. @type {import("@preact/signals").ReadonlySignal<any>} */
    this.present = computed(() => {
      const chosen = chatModels.value.find((each) => each.id === this.model.value);
      return chosen ?? (this.model.value ? undefined : chatModels.value.find((each) => each.status === "READY")) ?? this.#other();
    });
  }

  #other() {
    return chatModels.value.find((each) => each.status === "READY") ?? chatModels.value[0];
  }

  /** Take the settings of a chat, and the mode of its last answer. @param {any} settings @param {Mode | undefined} mode */
  take(settings, mode) {
    batch(() => {
      this.model.value = settings.model ?? this.model.value;
      this.bases.value = settings.bases;
      this.tools.value = settings.tools;
      this.system.value = settings.system;
      this.parameters.value = settings.parameters;
      this.mode.value = mode ?? (settings.bases.length > 0 ? "knowledge" : settings.tools.length > 0 ? "agent" : "chat");
    });
  }

  /** The settings of the chat. */
  get settings() {
    return { model: this.present.value?.id ?? this.model.value, bases: this.bases.value, tools: this.tools.value, system: this.system.value, parameters: this.parameters.value };
  }

  /** @param {string} model */
  chooseModel(model) {
    this.model.value = model;
    choose("chat.model", model);
    this.save({ model });
  }

  /** @param {Mode} mode */
  chooseMode(mode) {
    this.mode.value = mode;
    const found = bases.data.value ?? [];
    if (mode === "knowledge" && this.bases.value.length === 0 && found.length === 1) this.chooseBases([found[0].name]);
  }

  /** @param {string[]} names */
  chooseBases(names) {
    this.bases.value = names;
    this.save({ bases: names });
  }

  /** @param {string[]} names */
  chooseTools(names) {
    this.tools.value = names;
    this.save({ tools: names });
  }

  /** @param {string} text */
  chooseSystem(text) {
    this.system.value = text;
    this.save({ system: text });
  }

  /** Set one parameter; null takes it away. @param {string} name @param {any} value */
  setParameter(name, value) {
    const { [name]: _, ...others } = this.parameters.value;
    this.parameters.value = value === null || value === undefined ? others : { ...others, [name]: value };
    this.save({ parameters: this.parameters.value });
  }

  /** Whether thinking is switched on or off; null as the model has it. */
  get thinking() {
    return this.parameters.value.enable_thinking ?? null;
  }

  /** What a request for an answer says. @param {{ files?: boolean, model?: string }} [more] `files`: the question has files */
  answer(more) {
    const mode = more?.files ? "files" : this.mode.value;
    /** @type {Record<string, any>} */
    const body = { mode, model: more?.model ?? this.present.value?.id ?? null, system: this.system.value };
    if (mode === "knowledge") body.bases = this.bases.value;
    if (mode === "agent") {
      body.tools = this.tools.value;
      body.bases = this.bases.value;
    }
    if (mode === "web" && this.engine.value) body.search_engine = this.engine.value;
    if (mode !== "chat" && mode !== "agent") body.top_k = this.sources.value;
    return body;
  }

  /** Why a question cannot be sent: a text's key; null if it can. @param {boolean} files whether it has files */
  missing(files) {
    const mode = files ? "files" : this.mode.value;
    if (mode === "knowledge" && this.bases.value.length === 0) return "chat.choose_base";
    if (mode === "web" && tools.data.value && tools.data.value.search_engines.length === 0) return "chat.no_search_engine";
    if (mode === "files" || mode === "knowledge") return null;
    if (!this.present.value) return "chat.no_model";
    return this.present.value.status === "READY" ? null : "chat.model_not_ready";
  }
}
