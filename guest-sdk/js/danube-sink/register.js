// The functions that the host calls, for whatever sink is registered.
import { host } from "#host";
import { Batch } from "./batch.js";
import { Context } from "./context.js";
import { Fatal, Rejected, Retryable, SinkError } from "./errors.js";
import { Instance } from "./instance.js";
import { installConsole, report } from "./log.js";
import { Sink } from "./sink.js";
import { ADVICE, trackPromises } from "./steps.js";
import { wellFormed } from "./text.js";

const HANDLERS = /** @type {const} */ (["initialize", "consumerConfigs", "process", "processBatch", "healthCheck", "shutdown"]);

/**
 * Makes a sink the one that this component runs, once, in the module that is built:
 *
 *     export const { sink, lifecycle } = register(MySink);
 * @param {import("./instance.js").SinkClass} kind
 */
export function register(kind) {
  check(kind);
  if (host.component) installConsole();
  if (host.component && !host.waits) trackPromises();
  /** @type {Instance | undefined} */
  let current;
  const instance = () => {
    if (current) return current;
    throw new Fatal("a bug in the host: it called a sink that it has not initialised");
  };
  return {
    sink: {
      initialize: (/** @type {any} */ context) =>
        answer(() => then(Instance.start(kind, new Context(context)), (started) => void (current = started))),
      consumerConfigs: () => answer(() => instance().consumerConfigs()),
      processBatch: (/** @type {any} */ batch) => answer(() => then(instance().processBatch(Batch.of(batch)), failures)),
    },
    lifecycle: {
      healthCheck: () => answer(() => instance().healthCheck()),
      shutdown: () => answer(() => instance().shutdown()),
    },
  };
}

/** @param {import("./instance.js").SinkClass} kind */
function check(kind) {
  const handlers = kind?.prototype;
  if (!(handlers instanceof Sink)) throw new TypeError("`register` takes a class that derives from `Sink`");
  if (handlers.process === Sink.prototype.process && handlers.processBatch === Sink.prototype.processBatch) {
    throw new TypeError(`\`${kind.name}\` has neither \`process\` nor \`processBatch\``);
  }
  for (const name of HANDLERS) {
    const isAsync = Object.prototype.toString.call(handlers[name]) === "[object AsyncFunction]";
    if (isAsync && host.component && !host.waits) throw new TypeError(`\`${kind.name}.${name}\` is async: ${ADVICE}`);
  }
}

/**
 * Goes on with an answer, now or when its promise is there.
 * @template T, U
 * @param {T | Promise<T>} answer
 * @param {(answer: T) => U} next
 * @returns {U | Promise<U>}
 */
function then(answer, next) {
  return answer instanceof Promise ? answer.then(next) : next(answer);
}

/**
 * Whatever is thrown becomes an error of the contract: anything else would end the instance.
 * @template T
 * @param {() => T | Promise<T>} call
 * @returns {T | Promise<T>}
 */
function answer(call) {
  try {
    const given = call();
    return given instanceof Promise ? given.catch(fail) : given;
  } catch (error) {
    return fail(error);
  }
}

/**
 * @param {unknown} error
 * @returns {never}
 */
function fail(error) {
  if (!(error instanceof SinkError)) report("a bug in the SDK", error);
  throw sinkError(error);
}

/**
 * An error as the contract wants it.
 * @param {unknown} error
 */
export function sinkError(error) {
  if (error instanceof Retryable) return { tag: "retryable", val: hint(error) };
  const reason = wellFormed(error instanceof Error ? error.message : String(error));
  return { tag: error instanceof Rejected ? "rejected" : "fatal", val: reason };
}

/**
 * The failures as the contract wants them.
 * @param {import("./outcomes.js").Outcomes} outcomes
 */
export function failures(outcomes) {
  return outcomes.failures.map(([index, failure]) => ({
    index,
    failure: failure.retry ? { tag: "retry", val: hint(failure) } : { tag: "reject", val: wellFormed(failure.reason) },
  }));
}

/**
 * The host counts in milliseconds, up to 49 days. Both engines take null for what is absent.
 * @param {{ reason: string, afterMs?: number | undefined }} failure
 */
function hint({ reason, afterMs }) {
  return { reason: wellFormed(reason), afterMs: afterMs === undefined ? null : Math.trunc(Math.min(Math.max(afterMs, 0), 0xffff_ffff)) };
}
