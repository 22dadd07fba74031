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
export type Order = import("./batch.js").Order;
export type Failure = import("./outcomes.js").Failure;
export type SchemaInfo = import("./record.js").SchemaInfo;
export type ConsumerConfig = import("./topics.js").ConsumerConfig;
export type Infer<S> = import("./shape.js").Infer<S>;
export type Shape<T> = import("./shape.js").Shape<T>;
export type TopicMapping<T> = import("./topics.js").TopicMapping<T>;
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
