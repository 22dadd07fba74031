/**
 * Makes a sink the one that this component runs, once, in the module that is built:
 *
 *     export const { sink, lifecycle } = register(MySink);
 * @param {import("./instance.js").SinkClass} kind
 */
export declare function register(kind: import("./instance.js").SinkClass): {
    sink: {
        initialize: (/** @type {any} */ context: any) => Promise<undefined> | undefined;
        consumerConfigs: () => any[] | Promise<any[]>;
        processBatch: (/** @type {any} */ batch: any) => {
            index: number;
            failure: {
                tag: string;
                val: {
                    reason: string;
                    afterMs: number | null;
                };
            } | {
                tag: string;
                val: string;
            };
        }[] | Promise<{
            index: number;
            failure: {
                tag: string;
                val: {
                    reason: string;
                    afterMs: number | null;
                };
            } | {
                tag: string;
                val: string;
            };
        }[]>;
    };
    lifecycle: {
        healthCheck: () => void | Promise<void>;
        shutdown: () => void | Promise<void>;
    };
};
/**
 * An error as the contract wants it.
 * @param {unknown} error
 */
export declare function sinkError(error: unknown): {
    tag: string;
    val: {
        reason: string;
        afterMs: number | null;
    };
} | {
    tag: string;
    val: string;
};
/**
 * The failures as the contract wants them.
 * @param {import("./outcomes.js").Outcomes} outcomes
 */
export declare function failures(outcomes: import("./outcomes.js").Outcomes): {
    index: number;
    failure: {
        tag: string;
        val: {
            reason: string;
            afterMs: number | null;
        };
    } | {
        tag: string;
        val: string;
    };
}[];
