// Log lines of a sink: events of the host's log, with the connector's name.
import { host } from "#host";
import { wellFormed } from "./text.js";

/** @typedef {"trace" | "debug" | "info" | "warn" | "error"} Level */

/**
 * @param {Level} level
 * @returns {(...parts: unknown[]) => void}
 */
function writer(level) {
  return (...parts) => void host.log(level, wellFormed(parts.map(shown).join(" ")));
}

/** Writes a line, of anything that `console.log` would take. In a component `console` does the same. */
export const log = {
  trace: writer("trace"),
  debug: writer("debug"),
  info: writer("info"),
  warn: writer("warn"),
  error: writer("error"),
};

/** QuickJS has no console, and StarlingMonkey's knows no levels. */
export function installConsole() {
  const { trace, debug, info, warn, error } = log;
  Object.assign(globalThis, { console: { ...globalThis.console, trace, debug, info, warn, error, log: info } });
}

/**
 * Logs what nobody expected to be thrown, with its stack trace.
 * @param {string} what
 * @param {unknown} cause
 */
export function report(what, cause) {
  log.error(`${what}:`, cause);
}

/**
 * @param {unknown} part
 * @returns {string}
 */
function shown(part) {
  if (typeof part === "string") return part;
  if (part instanceof Error) return withStack(part);
  try {
    return (typeof part === "object" ? JSON.stringify(part) : undefined) ?? String(part);
  } catch {
    return String(part);
  }
}

/**
 * Engines differ in whether a stack trace begins with the message.
 * @param {Error} error
 * @returns {string}
 */
function withStack(error) {
  const message = `${error.name}: ${error.message}`;
  const stack = (error.stack ?? "").trimEnd();
  return stack.startsWith(message) ? stack : `${message}\n${stack}`.trimEnd();
}
