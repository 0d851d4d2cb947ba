// The framework in one import: Preact's nodes by htm's templates, hooks, and signals.
import { Fragment, createContext, h, render } from "preact";
import { useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import htm from "htm";

/** @typedef {import("preact").ComponentChildren} Children what may stand in a template */
/** @typedef {import("preact").VNode<any>} Node a drawn element */

/** Template of nodes: html`<p class="x">${text}</p>`. Text is always text; nothing here parses HTML of others. */
export const html = /** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */ (htm.bind(h));

// What `useEffect` returns is called after the next paint: by then the same component may stand there again. What others share (shortcuts, commands,
// a comparison that a module keeps) is therefore given back by `useLayoutEffect`, with the component.
export {
  Fragment,
  batch,
  computed,
  createContext,
  effect,
  h,
  render,
  signal,
  untracked,
  useCallback,
  useComputed,
  useContext,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useSignal,
  useSignalEffect,
  useState,
};
