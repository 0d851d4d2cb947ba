// What screen readers are told of an answer that grows: a sentence at a time, for a region that changed with every token would stutter.
const SENTENCES = /[^.!?。！？\n]*(?:[.!?](?=\s)|[。！？\n])+/g;

/** The sentences of one answer. */
export class Speech {
  #position = 0;

  /** The sentences that are whole and were not told yet. @param {string} text of the answer so far */
  next(text) {
    const found = text.slice(this.#position).match(SENTENCES)?.join("") ?? "";
    this.#position += found.length;
    return found.trim();
  }

  /** What was not told yet, of an answer that has ended. @param {string} text */
  rest(text) {
    const found = text.slice(this.#position);
    this.#position = text.length;
    return found.trim();
  }
}
