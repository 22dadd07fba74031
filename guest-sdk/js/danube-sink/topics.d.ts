export type ConsumerConfig = {
    /**
     * `/namespace/topic`. The connector's file must name it, or grant it.
     */
    topic: string;
    /**
     * The file must name it for this topic; for a topic that is merely granted, it must start
     * with the connector's name.
     */
    subscription: string;
    /**
     * `shared` if absent.
     */
    subscriptionType?: "shared" | "exclusive" | "failover" | "key-shared";
    /**
     * Unique on the subscription. The host makes one up.
     */
    consumerName?: string;
    /**
     * Glob patterns for the routing keys to receive. Only for `key-shared`.
     */
    keyFilters?: string[];
    /**
     * The subject that every record's schema must have. A record without it never
     * reaches the sink.
     */
    expectedSchemaSubject?: string;
    /**
     * The largest number of records in a batch.
     */
    batchSize?: number;
    /**
     * The largest sum of payload bytes in a batch. A single record that is larger comes alone.
     */
    batchBytes?: number;
    /**
     * How long the first record of a batch may wait for others.
     */
    flushIntervalMs?: number;
    /**
     * `raw`: the bytes as published, always binary.
     */
    payloadFormat?: "decoded" | "raw";
};
export type TopicMapping<T> = {
    consumer: ConsumerConfig;
    extra: T;
};
/**
 * All entries, in the file's order.
 * @template T
 */
export declare class TopicMappings<T> {
    mappings: TopicMapping<T>[];
    /** @param {TopicMapping<T>[]} mappings */
    constructor(mappings: TopicMapping<T>[]);
    /**
     * The mapping of a topic: the first one, should several subscriptions of it be consumed.
     * @param {string} topic
     * @returns {TopicMapping<T> | undefined}
     */
    get(topic: string): TopicMapping<T> | undefined;
    [Symbol.iterator](): ArrayIterator<TopicMapping<T>>;
}
/**
 * The shape of the key `topic_mappings`, for settings per topic: `own` reads the sink's own keys of each entry, and refuses
 * those that it does not have.
 * @template T
 * @param {import("./shape.js").Shape<T>} own
 * @returns {import("./shape.js").Shape<TopicMappings<T>>}
 */
export declare function topicMappings<T>(own: import("./shape.js").Shape<T>): import("./shape.js").Shape<TopicMappings<T>>;
/** Whatever the sink's own keys are. */
export declare const anyMappings: import("./shape.js").Shape<TopicMappings<any>>;
/**
 * A config as it crosses to the host. Both engines take null for what is absent.
 * @param {ConsumerConfig} config
 * @returns {any}
 */
export declare function toContract(config: ConsumerConfig): any;
