/** A value that does not fit its shape. */
export declare class Mistake extends Error {
    place: string;
    what: string;
    /**
     * @param {string} place
     * @param {string} what
     */
    constructor(place: string, what: string);
}
export type Reading = {
    /**
     * Whether keys that a shape does not have are refused.
     */
    strict: boolean;
    /**
     * Those that are not, in the outermost table.
     */
    tolerated?: readonly string[];
};
export type Shape<T> = {
    read: (value: unknown, place: string, reading: Reading) => T;
};
export type Infer<S> = S extends Shape<infer T> ? T : never;
/**
 * A value that may be missing or null.
 * @template T
 * @param {Shape<T>} inner
 * @returns {Shape<T | undefined>}
 */
declare function optional<T>(inner: Shape<T>): Shape<T | undefined>;
/**
 * A value that may be missing, and what it is then.
 * @template T
 * @param {Shape<T>} inner
 * @param {T} fallback
 * @returns {Shape<T>}
 */
declare function withDefault<T>(inner: Shape<T>, fallback: T): Shape<T>;
/**
 * One of some strings.
 * @template {string} T
 * @param {...T} choices
 * @returns {Shape<T>}
 */
declare function oneOf<T extends string>(...choices: T[]): Shape<T>;
/**
 * A list.
 * @template T
 * @param {Shape<T>} item
 * @returns {Shape<T[]>}
 */
declare function array<T>(item: Shape<T>): Shape<T[]>;
/**
 * A table with any keys and one shape of values.
 * @template T
 * @param {Shape<T>} item
 * @returns {Shape<{ [key: string]: T }>}
 */
declare function record<T>(item: Shape<T>): Shape<{
    [key: string]: T;
}>;
/**
 * A table with these keys. In settings others are refused, in payloads they are left out.
 * @template {{ [key: string]: Shape<any> }} F
 * @param {F} fields
 * @returns {Shape<{ [K in keyof F]: Infer<F[K]> }>}
 */
declare function object<F extends {
    [key: string]: Shape<any>;
}>(fields: F): Shape<{ [K in keyof F]: Infer<F[K]>; }>;
/** The shapes. */
export declare const t: {
    any: Shape<any>;
    array: typeof array;
    bigint: Shape<bigint>;
    boolean: Shape<boolean>;
    integer: Shape<number>;
    number: Shape<number>;
    object: typeof object;
    oneOf: typeof oneOf;
    optional: typeof optional;
    record: typeof record;
    string: Shape<string>;
    table: Shape<{
        [key: string]: any;
    }>;
    withDefault: typeof withDefault;
};
/**
 * @param {unknown} value
 * @returns {value is { [key: string]: any }}
 */
export declare function isTable(value: unknown): value is {
    [key: string]: any;
};
/**
 * @param {string} place
 * @param {string} key
 * @returns {string}
 */
export declare function inside(place: string, key: string): string;
export {};
