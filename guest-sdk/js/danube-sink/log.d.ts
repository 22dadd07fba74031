export type Level = "trace" | "debug" | "info" | "warn" | "error";
/** Writes a line, of anything that `console.log` would take. In a component `console` does the same. */
export declare const log: {
    trace: (...parts: unknown[]) => void;
    debug: (...parts: unknown[]) => void;
    info: (...parts: unknown[]) => void;
    warn: (...parts: unknown[]) => void;
    error: (...parts: unknown[]) => void;
};
/** QuickJS has no console, and StarlingMonkey's knows no levels. */
export declare function installConsole(): void;
/**
 * Logs what nobody expected to be thrown, with its stack trace.
 * @param {string} what
 * @param {unknown} cause
 */
export declare function report(what: string, cause: unknown): void;
