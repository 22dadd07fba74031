import { Outcomes } from "./outcomes.js";
/**
 * Gives a batch to a sink.
 * @param {import("./sink.js").Sink<any>} sink
 * @param {import("./batch.js").Batch} batch
 * @returns {import("./steps.js").Steps<Outcomes>}
 */
export declare function divide(sink: import("./sink.js").Sink<any>, batch: import("./batch.js").Batch): import("./steps.js").Steps<Outcomes>;
