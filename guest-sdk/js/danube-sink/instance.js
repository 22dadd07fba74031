// One started sink. The component's exports and the tests of a sink both drive it through this, so that they agree.
import { Fatal, SinkError, Unexpected } from "./errors.js";
import { report } from "./log.js";
import { divide } from "./division.js";
import { run } from "./steps.js";
import { Mistake } from "./shape.js";
import { toContract } from "./topics.js";

/** @typedef {import("./sink.js").Sink<any>} AnySink */
/** @typedef {{ new (): AnySink, config: import("./shape.js").Shape<any> }} SinkClass */

/** A sink that has been initialised, with what the host told it. */
export class Instance {
  /**
   * @param {AnySink} sink
   * @param {import("./context.js").Context} context
   */
  constructor(sink, context) {
    this.sink = sink;
    this.context = context;
  }

  /**
   * Makes a sink and has it initialised.
   * @param {SinkClass} kind
   * @param {import("./context.js").Context} context
   * @returns {Instance | Promise<Instance>}
   */
  static start(kind, context) {
    return run(guarded("initialize", Fatal, started(kind, context)));
  }

  /** Which subscriptions the sink consumes, as they cross to the host. */
  consumerConfigs() {
    return run(guarded("consumerConfigs", Fatal, consumed(this)));
  }

  /**
   * Gives a batch to the sink. What breaks it is taken apart until the records that do so stand alone.
   * @param {import("./batch.js").Batch} batch
   */
  processBatch(batch) {
    return run(divide(this.sink, batch));
  }

  /** Whether the target is well. */
  healthCheck() {
    return run(guarded("healthCheck", Unexpected, silent("healthCheck", () => this.sink.healthCheck())));
  }

  /** The end. */
  shutdown() {
    return run(guarded("shutdown", Unexpected, silent("shutdown", () => this.sink.shutdown())));
  }
}

/**
 * @param {SinkClass} kind
 * @param {import("./context.js").Context} context
 * @returns {import("./steps.js").Steps<Instance>}
 */
function* started(kind, context) {
  const sink = new kind();
  const config = context.settings(kind.config);
  yield* silent("initialize", () => sink.initialize(config, context));
  return new Instance(sink, context);
}

/**
 * @param {Instance} instance
 * @returns {import("./steps.js").Steps<any[]>}
 */
function* consumed({ sink, context }) {
  const configs = yield sink.consumerConfigs(context);
  if (!Array.isArray(configs)) throw new TypeError("`consumerConfigs` gave no list");
  try {
    return configs.map(toContract);
  } catch (error) {
    throw error instanceof Mistake ? new Fatal(error.message) : error;
  }
}

/**
 * Calls what has nothing to say, so that whatever it says is a mistake.
 * @param {string} what
 * @param {() => unknown} handler
 * @returns {import("./steps.js").Steps<void>}
 */
function* silent(what, handler) {
  const answer = yield handler();
  if (answer !== undefined) throw new TypeError(`\`${what}\` gave an answer, expected none`);
}

/**
 * What the sink answers; what it throws unexpectedly is logged and becomes an error of this kind.
 * @template T
 * @param {string} what
 * @param {typeof Fatal | typeof Unexpected} kind
 * @param {import("./steps.js").Steps<T>} steps
 * @returns {import("./steps.js").Steps<T>}
 */
function* guarded(what, kind, steps) {
  try {
    return yield* steps;
  } catch (error) {
    if (error instanceof SinkError) throw error;
    report(what, error);
    const unexpected = new Unexpected(error);
    throw kind === Fatal ? new Fatal(`${what}: ${unexpected.reason}`) : unexpected;
  }
}
