// The `topic_mappings` of a connector's settings: per topic, the subscription and whatever else a sink wants to know.
import { Mistake, inside, isTable, t } from "./shape.js";

/**
 * One subscription that the host shall consume. An absent value is taken from the connector's file.
 * @typedef {object} ConsumerConfig
 * @property {string} topic `/namespace/topic`. The connector's file must name it, or grant it.
 * @property {string} subscription The file must name it for this topic; for a topic that is merely granted, it must start
 *   with the connector's name.
 * @property {"shared" | "exclusive" | "failover" | "key-shared"} [subscriptionType] `shared` if absent.
 * @property {string} [consumerName] Unique on the subscription. The host makes one up.
 * @property {string[]} [keyFilters] Glob patterns for the routing keys to receive. Only for `key-shared`.
 * @property {string} [expectedSchemaSubject] The subject that every record's schema must have. A record without it never
 *   reaches the sink.
 * @property {number} [batchSize] The largest number of records in a batch.
 * @property {number} [batchBytes] The largest sum of payload bytes in a batch. A single record that is larger comes alone.
 * @property {number} [flushIntervalMs] How long the first record of a batch may wait for others.
 * @property {"decoded" | "raw"} [payloadFormat] `raw`: the bytes as published, always binary.
 */

/**
 * One entry: the subscription, and beside it the sink's own keys.
 * @template T
 * @typedef {object} TopicMapping
 * @property {ConsumerConfig} consumer
 * @property {T} extra
 */

/** @type {readonly ConsumerConfig["subscriptionType"][]} */
const TYPES = ["shared", "exclusive", "failover", "key-shared"];

/** @type {import("./shape.js").Shape<ConsumerConfig["subscriptionType"]>} */
const subscriptionType = {
  read(value, place) {
    const plain = (/** @type {unknown} */ name) => String(name).toLowerCase().replace(/[-_]/g, "");
    const found = typeof value === "string" ? TYPES.find((type) => plain(type) === plain(value)) : undefined;
    if (!found) throw new Mistake(place, "expected `Shared`, `Exclusive`, `Failover` or `Key-Shared`");
    return found;
  },
};

/**
 * @param {number} most
 * @returns {import("./shape.js").Shape<number>}
 */
function whole(most) {
  return {
    read(value, place, reading) {
      const number = t.integer.read(value, place, reading);
      if (number < 0 || number > most) throw new Mistake(place, `expected an integer from 0 to ${most}`);
      return number;
    },
  };
}

const U32 = whole(0xffff_ffff);

const HOSTS = {
  topic: t.string,
  subscription: t.string,
  subscription_type: t.optional(subscriptionType),
  consumer_name: t.optional(t.string),
  key_filters: t.optional(t.array(t.string)),
  expected_schema_subject: t.optional(t.string),
  batch_size: t.optional(U32),
  batch_bytes: t.optional(whole(Number.MAX_SAFE_INTEGER)),
  flush_interval_ms: t.optional(U32),
  payload_format: t.optional(t.oneOf("decoded", "raw")),
};

/** The keys of a mapping that belong to the host. All others are the sink's own. */
const KEYS = Object.keys(HOSTS);

/**
 * All entries, in the file's order.
 * @template T
 */
export class TopicMappings {
  /** @param {TopicMapping<T>[]} mappings */
  constructor(mappings) {
    this.mappings = mappings;
  }

  /**
   * The mapping of a topic: the first one, should several subscriptions of it be consumed.
   * @param {string} topic
   * @returns {TopicMapping<T> | undefined}
   */
  get(topic) {
    return this.mappings.find((mapping) => mapping.consumer.topic === topic);
  }

  [Symbol.iterator]() {
    return this.mappings[Symbol.iterator]();
  }
}

/**
 * The shape of the key `topic_mappings`, for settings per topic: `own` reads the sink's own keys of each entry, and refuses
 * those that it does not have.
 * @template T
 * @param {import("./shape.js").Shape<T>} own
 * @returns {import("./shape.js").Shape<TopicMappings<T>>}
 */
export function topicMappings(own) {
  return {
    read(value, place) {
      if (!Array.isArray(value)) throw new Mistake(place, "expected a list of tables");
      return new TopicMappings(value.map((entry, index) => mapping(own, entry, `${place}[${index}]`)));
    },
  };
}

/**
 * @template T
 * @param {import("./shape.js").Shape<T>} own
 * @param {unknown} entry
 * @param {string} place
 * @returns {TopicMapping<T>}
 */
function mapping(own, entry, place) {
  if (!isTable(entry)) throw new Mistake(place, "expected a table");
  const part = (/** @type {(key: string) => boolean} */ belongs) =>
    Object.fromEntries(Object.entries(entry).filter(([key]) => belongs(key)));
  const hosts = part((key) => KEYS.includes(key));
  // A number with a unit. The host reads its own keys too and takes its value where a sink gives none.
  if (typeof hosts["batch_bytes"] === "string") delete hosts["batch_bytes"];
  const read = t.object(HOSTS).read(hosts, place, { strict: true });
  try {
    const extra = own.read(part((key) => !KEYS.includes(key)), place, { strict: true });
    return { consumer: consumer(read), extra };
  } catch (error) {
    if (!(error instanceof Mistake && error.what.startsWith("unknown key"))) throw error;
    throw new Mistake(error.place, `${error.what} (besides \`${KEYS.join("`, `")}\`)`);
  }
}

/**
 * @param {import("./shape.js").Infer<ReturnType<typeof t.object<typeof HOSTS>>>} read
 * @returns {ConsumerConfig}
 */
function consumer(read) {
  /** @type {ConsumerConfig} */
  const config = { topic: read.topic, subscription: read.subscription };
  if (read.subscription_type !== undefined) config.subscriptionType = read.subscription_type;
  if (read.consumer_name !== undefined) config.consumerName = read.consumer_name;
  if (read.key_filters !== undefined) config.keyFilters = read.key_filters;
  if (read.expected_schema_subject !== undefined) config.expectedSchemaSubject = read.expected_schema_subject;
  if (read.batch_size !== undefined) config.batchSize = read.batch_size;
  if (read.batch_bytes !== undefined) config.batchBytes = read.batch_bytes;
  if (read.flush_interval_ms !== undefined) config.flushIntervalMs = read.flush_interval_ms;
  if (read.payload_format !== undefined) config.payloadFormat = read.payload_format;
  return config;
}

/** Whatever the sink's own keys are. */
export const anyMappings = topicMappings(t.any);

/**
 * A config as it crosses to the host. Both engines take null for what is absent.
 * @param {ConsumerConfig} config
 * @returns {any}
 */
export function toContract(config) {
  const check = (/** @type {string} */ key, /** @type {number | undefined} */ value, /** @type {number} */ most) =>
    value === undefined ? null : whole(most).read(value, inside("consumerConfigs", key), { strict: true });
  return {
    topic: config.topic,
    subscription: config.subscription,
    consumerName: config.consumerName ?? null,
    subscriptionType: config.subscriptionType ?? "shared",
    keyFilters: config.keyFilters ?? [],
    expectedSchemaSubject: config.expectedSchemaSubject ?? null,
    batchSize: check("batchSize", config.batchSize, 0xffff_ffff),
    batchBytes: check("batchBytes", config.batchBytes, Number.MAX_SAFE_INTEGER),
    flushIntervalMs: check("flushIntervalMs", config.flushIntervalMs, 0xffff_ffff),
    payloadFormat: config.payloadFormat ?? "decoded",
  };
}
