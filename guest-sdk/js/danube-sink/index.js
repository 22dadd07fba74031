// Write a sink connector for danube-wasm: a class that gets records of Danube topics and writes them somewhere. The host
// consumes, decodes by schema, batches, retries, acknowledges and dead-letters; a sink transforms and writes.
export { Batch } from "./batch.js";
export { Context } from "./context.js";
export { Fatal, Rejected, Retryable, SinkError } from "./errors.js";
export * as http from "./http.js";
export * as json from "./json.js";
export { log } from "./log.js";
export { Outcomes } from "./outcomes.js";
export { Record } from "./record.js";
export { register } from "./register.js";
export { t } from "./shape.js";
export { Sink } from "./sink.js";
export { decodeUtf8, encodeUtf8, fromBase64, toBase64 } from "./text.js";
export { TopicMappings, topicMappings } from "./topics.js";
export { Waves } from "./waves.js";

/** @typedef {import("./batch.js").Order} Order */
/** @typedef {import("./outcomes.js").Failure} Failure */
/** @typedef {import("./record.js").SchemaInfo} SchemaInfo */
/** @typedef {import("./topics.js").ConsumerConfig} ConsumerConfig */
/**
 * @template S
 * @typedef {import("./shape.js").Infer<S>} Infer
 */
/**
 * @template T
 * @typedef {import("./shape.js").Shape<T>} Shape
 */
/**
 * @template T
 * @typedef {import("./topics.js").TopicMapping<T>} TopicMapping
 */
