/** @type {(typeof import("./host.js"))["host"]} */
export declare const host: (typeof import("./host.js"))["host"];
