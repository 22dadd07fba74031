export type AnySink = import("./sink.js").Sink<any>;
export type SinkClass = {
    new (): AnySink;
    config: import("./shape.js").Shape<any>;
};
/** @typedef {import("./sink.js").Sink<any>} AnySink */
/** @typedef {{ new (): AnySink, config: import("./shape.js").Shape<any> }} SinkClass */
/** A sink that has been initialised, with what the host told it. */
export declare class Instance {
    sink: import("./sink.js").Sink<any>;
    context: import("./context.js").Context;
    /**
     * @param {AnySink} sink
     * @param {import("./context.js").Context} context
     */
    constructor(sink: AnySink, context: import("./context.js").Context);
    /**
     * Makes a sink and has it initialised.
     * @param {SinkClass} kind
     * @param {import("./context.js").Context} context
     * @returns {Instance | Promise<Instance>}
     */
    static start(kind: SinkClass, context: import("./context.js").Context): Instance | Promise<Instance>;
    /** Which subscriptions the sink consumes, as they cross to the host. */
    consumerConfigs(): any[] | Promise<any[]>;
    /**
     * Gives a batch to the sink. What breaks it is taken apart until the records that do so stand alone.
     * @param {import("./batch.js").Batch} batch
     */
    processBatch(batch: import("./batch.js").Batch): import("./outcomes.js").Outcomes | Promise<import("./outcomes.js").Outcomes>;
    /** Whether the target is well. */
    healthCheck(): void | Promise<void>;
    /** The end. */
    shutdown(): void | Promise<void>;
}
