/**
 * A sink: where records go. Write `initialize` and either `process` or `processBatch`, then `register` the class.
 *
 * An instance is called by one caller at a time and may be dropped and made anew between any two calls: state that must survive
 * belongs into the target system. On StarlingMonkey a handler may return a promise; QuickJS does not wait for any.
 * @template [Config={ [key: string]: any }]
 */
export declare class Sink<Config = {
    [key: string]: any;
}> {
    /**
     * The shape of the connector's settings: its own table of the connector's file. Any table, unless the class has its own.
     * @type {import("./shape.js").Shape<any>}
     */
    static config: import("./shape.js").Shape<any>;
    /**
     * Makes an instance ready: checks the settings, prepares clients. Called once, first. `Fatal` for settings that make no
     * sense; `Retryable` to be started again after a pause. No need to retry here.
     * @param {Config} config
     * @param {import("./context.js").Context} context
     * @returns {void | Promise<void>}
     */
    initialize(config: Config, context: import("./context.js").Context): void | Promise<void>;
    /**
     * Which subscriptions to consume. By default those of the settings' `topic_mappings`.
     * @param {import("./context.js").Context} context
     * @returns {import("./topics.js").ConsumerConfig[] | Promise<import("./topics.js").ConsumerConfig[]>}
     */
    consumerConfigs(context: import("./context.js").Context): import("./topics.js").ConsumerConfig[] | Promise<import("./topics.js").ConsumerConfig[]>;
    /**
     * Writes one record. When it returns, the record must be safe in the target: the host acknowledges it. `Retryable`, to be
     * given this record again; `Rejected`, if it is bad; `Fatal`, to stop the connector.
     * @param {import("./record.js").Record} record
     * @returns {void | Promise<void>}
     */
    process(record: import("./record.js").Record): void | Promise<void>;
    /**
     * Writes a batch. When it returns, every record that the outcomes do not name must be safe in the target; without outcomes
     * all are. What is thrown holds for the whole batch. By default `process` is called for each.
     * @param {import("./batch.js").Batch} batch
     * @returns {import("./outcomes.js").Outcomes | void | Promise<import("./outcomes.js").Outcomes | void>}
     */
    processBatch(batch: import("./batch.js").Batch): import("./outcomes.js").Outcomes | void | Promise<import("./outcomes.js").Outcomes | void>;
    /**
     * Whether the target would take records now. Called while the host waits for a target that failed; it must not write
     * records. `Retryable` while the target is down; any other error stops the connector.
     * @returns {void | Promise<void>}
     */
    healthCheck(): void | Promise<void>;
    /**
     * Finishes what is under way. Called once before the host drops the instance in good order.
     * @returns {void | Promise<void>}
     */
    shutdown(): void | Promise<void>;
}
