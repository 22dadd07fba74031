/** What the host tells an instance about itself. */
export declare class Context {
    /** `connector_name` of the connector's file. */
    connectorName: string;
    /** Which of the connector's instances this is, from 0. Stays the same when an instance is made anew. */
    instance: number;
    /** The settings as JSON text. Secrets that the file refers to stand in it in clear text: do not log it. */
    settingsJson: string;
    /** @param {{ connectorName: string, instance: number, settings: string }} raw */
    constructor(raw: {
        connectorName: string;
        instance: number;
        settings: string;
    });
    /**
     * The settings by a shape.
     * @template T
     * @param {import("./shape.js").Shape<T>} shape
     * @returns {T}
     * @throws {Fatal} with the key when they don't fit.
     */
    settings<T>(shape: import("./shape.js").Shape<T>): T;
    /**
     * What the host shall consume according to the settings' `topic_mappings`.
     * @returns {import("./topics.js").ConsumerConfig[]}
     * @throws {Fatal} when a mapping is incomplete, or when there is none.
     */
    consumerConfigs(): import("./topics.js").ConsumerConfig[];
}
