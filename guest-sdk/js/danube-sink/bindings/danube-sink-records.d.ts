declare module 'danube:sink/records@0.1.0' {
  /**
   * What a record carries.
   */
  export type Payload = PayloadJson | PayloadText | PayloadBinary;
  /**
   * A JSON document, always valid: of the schema types JSON Schema, Avro, Protobuf and Number, or of a record without
   * a schema whose whole payload is JSON. For Avro and Protobuf the host writes the document; any other is as
   * published, so that numbers keep every digit.
   */
  export interface PayloadJson {
    tag: 'json',
    val: string,
  }
  /**
   * Text: of the schema type String, or of a record without a schema that is UTF-8 but not JSON.
   */
  export interface PayloadText {
    tag: 'text',
    val: string,
  }
  /**
   * Bytes as published: the schema type Bytes, data without a schema that is not UTF-8, and every payload of a
   * topic that asked for `payload-format.raw`.
   */
  export interface PayloadBinary {
    tag: 'binary',
    val: Uint8Array,
  }
  /**
   * A schema from Danube's registry, as one record of the batch refers to it.
   */
  export interface SchemaInfo {
    /**
     * The registry's id of the subject (not of the version).
     */
    id: bigint,
    /**
     * The name under which the schema is registered.
     */
    subject: string,
    /**
     * The version of the schema that the record was published with. Counts from 1.
     */
    version: number,
    /**
     * `json_schema`, `avro`, `protobuf`, `string`, `number` or `bytes`.
     */
    schemaType: string,
  }
  /**
   * One record of a topic.
   */
  export interface SinkRecord {
    /**
     * The position in the topic (or in the partition, where there is one). Counts from 0 in steps of 1.
     */
    offset: bigint,
    /**
     * When the producer published the record, in microseconds since 1970-01-01T00:00:00Z.
     */
    publishTime: bigint,
    /**
     * The name of the producer.
     */
    producer: string,
    /**
     * The partition, counting from 0; absent on a topic without partitions.
     */
    partition?: number,
    /**
     * The key that the producer routed the record by, if it gave one.
     */
    routingKey?: string,
    /**
     * The attributes that the producer set, sorted by name.
     */
    attributes: Array<[string, string]>,
    /**
     * Which entry of the batch's `schemas` the record was published with, if any.
     */
    schema?: number,
    /**
     * The content.
     */
    payload: Payload,
  }
  /**
   * Among which records of a batch the order counts. Those form a group; groups are independent of each other. Within
   * a group a guest writes the records in the order given, and behind one that asks for another try it writes none in
   * the same call, but asks for another try of those as well. A record that is rejected holds up nothing.
   * 
   * Should a guest write behind a record that asks for another try all the same: the host gives the first record of
   * the group that asked for it and everything behind it in its group again, also what the guest says it wrote, so
   * that the last write wins in the right order.
   * # Variants
   * 
   * ## `"any"`
   * 
   * Among none: any order will do (Shared). No groups.
   * ## `"by-key"`
   * 
   * Among those of one key (Key-Shared): the records with the same `routing-key`, or `producer` where there is none,
   * in the same partition, are a group.
   * ## `"strict"`
   * 
   * Among all (Exclusive, Failover); on a topic with partitions, among all of one partition: it is a group.
   */
  export type Order = 'any' | 'by-key' | 'strict';
  /**
   * Records of one topic, in the order in which the broker gave them.
   */
  export interface Batch {
    /**
     * The topic, without a partition: `/namespace/topic`.
     */
    topic: string,
    /**
     * Which try this is for the records in it: 1 the first time, then 2, 3 and so on. All records of a batch have had
     * the same number of tries by this host; the broker may have delivered them before, to this host or another.
     */
    attempt: number,
    /**
     * Among which of the records the order counts.
     */
    order: Order,
    /**
     * How long this call may take before the host ends it, in milliseconds: the host's limit for a call, or what is
     * left of the time in which the broker wants an answer, whichever is shorter. A call that the host ends counts as
     * a trap. A guest that can't be done in time writes what it can and asks for another try of the rest.
     */
    timeLimitMs: number,
    /**
     * The schemas that records of this batch refer to.
     */
    schemas: Array<SchemaInfo>,
    /**
     * The records; never empty.
     */
    records: Array<SinkRecord>,
  }
  /**
   * Asks for another try.
   */
  export interface RetryHint {
    /**
     * Why, for people: it goes into logs, the status and, in the end, the dead letter.
     */
    reason: string,
    /**
     * How long the host should wait at least, in milliseconds. Without it the host backs off exponentially.
     */
    afterMs?: number,
  }
  /**
   * What became of one record that was not written.
   */
  export type Failure = FailureRetry | FailureReject;
  /**
   * It may work later, or there was no time for it. The host calls again with just the records that asked for it, and
   * with what `order` says belongs behind them. It does so a limited number of times, but a call that wrote or rejected at least one record starts the count anew:
   * a guest may write a batch bit by bit, for as long as the broker is willing to wait.
   */
  export interface FailureRetry {
    tag: 'retry',
    val: RetryHint,
  }
  /**
   * It will never work: this record is bad. The host dead-letters, skips or stops, as its config says. The text is
   * the reason that the dead letter carries.
   */
  export interface FailureReject {
    tag: 'reject',
    val: string,
  }
  /**
   * One record that was not written.
   */
  export interface RecordFailure {
    /**
     * Its position in the batch's `records`, from 0. An index outside the batch, or one that is named twice, is a
     * breach of the contract: the host takes none of the answer and treats the call as failed.
     */
    index: number,
    /**
     * What to do with it.
     */
    failure: Failure,
  }
  /**
   * What went wrong with a whole call.
   */
  export type SinkError = SinkErrorRetryable | SinkErrorRejected | SinkErrorFatal;
  /**
   * The target can't be reached, or is overloaded. From `process-batch`: the whole batch is given again after a
   * pause; when the retries are used up the host gives the records back to the broker and tries later, it does not
   * lose them. From `initialize`: the host starts a new instance after a pause.
   */
  export interface SinkErrorRetryable {
    tag: 'retryable',
    val: RetryHint,
  }
  /**
   * The data is bad. From `process-batch`: every record of the batch is rejected. From `initialize` or
   * `consumer-configs`: the same as `fatal`.
   */
  export interface SinkErrorRejected {
    tag: 'rejected',
    val: string,
  }
  /**
   * Nothing will work until a person changes something: wrong credentials, a missing table, a setting that makes no
   * sense. The connector stops and shows this text as the reason; nothing is acknowledged; other connectors go on.
   */
  export interface SinkErrorFatal {
    tag: 'fatal',
    val: string,
  }
  /**
   * How records are divided among the consumers of a subscription.
   * # Variants
   * 
   * ## `"shared"`
   * 
   * Spread over all consumers. No order.
   * ## `"exclusive"`
   * 
   * One consumer only, in order.
   * ## `"failover"`
   * 
   * One active consumer, in order; others stand by.
   * ## `"key-shared"`
   * 
   * Spread by routing key; in order for each key.
   */
  export type SubscriptionType = 'shared' | 'exclusive' | 'failover' | 'key-shared';
  /**
   * What the guest wants `payload` to hold.
   * # Variants
   * 
   * ## `"decoded"`
   * 
   * Decoded by the record's schema, as the cases of `payload` say.
   * ## `"raw"`
   * 
   * The bytes as published, always as `binary`.
   */
  export type PayloadFormat = 'decoded' | 'raw';
  /**
   * One subscription that the guest wants the host to consume. An absent value is taken from the connector's config
   * file (the topic mapping of that topic, then `[processing]`).
   */
  export interface ConsumerConfig {
    /**
     * The topic, `/namespace/topic`. The config file must name it, or grant it.
     */
    topic: string,
    /**
     * The subscription. The config file must name it for this topic; for a topic that is merely granted, it must
     * start with the connector's name.
     */
    subscription: string,
    /**
     * The name of the consumer, unique on the subscription. The host makes one up where it is absent.
     */
    consumerName?: string,
    subscriptionType: SubscriptionType,
    /**
     * Glob patterns (`user-*`) for the routing keys to receive. Only for `key-shared`; empty means all.
     */
    keyFilters: Array<string>,
    /**
     * The subject that every record's schema must have. A record without it is rejected and never reaches the guest.
     */
    expectedSchemaSubject?: string,
    /**
     * The largest number of records in a batch.
     */
    batchSize?: number,
    /**
     * The largest sum of payload bytes in a batch. A single record that is larger comes alone.
     */
    batchBytes?: bigint,
    /**
     * How long the first record of a batch may wait for others, in milliseconds.
     */
    flushIntervalMs?: number,
    payloadFormat: PayloadFormat,
  }
}
