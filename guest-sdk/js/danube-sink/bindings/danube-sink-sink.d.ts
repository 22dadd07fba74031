/// <reference path="./danube-sink-records.d.ts" />
declare module 'danube:sink/sink@0.1.0' {
  /**
   * Called once, first, on every new instance: check the settings, prepare clients. It should not retry by itself.
   */
  export function initialize(context: Context): void;
  /**
   * Called after `initialize`, on one instance: which subscriptions to consume.
   */
  export function consumerConfigs(): Array<ConsumerConfig>;
  /**
   * Writes a batch. When it returns, everything that it does not name as failed must be safe in the target: the host
   * acknowledges those records for good, unless `order` has them written again. An empty list says that every record
   * was written.
   */
  export function processBatch(batch: Batch): Array<RecordFailure>;
  export type Batch = import('danube:sink/records@0.1.0').Batch;
  export type ConsumerConfig = import('danube:sink/records@0.1.0').ConsumerConfig;
  export type RecordFailure = import('danube:sink/records@0.1.0').RecordFailure;
  export type SinkError = import('danube:sink/records@0.1.0').SinkError;
  /**
   * What the host tells an instance about itself.
   */
  export interface Context {
    /**
     * `connector_name` of the config file.
     */
    connectorName: string,
    /**
     * Which of the connector's instances this is, from 0. Stays the same when an instance is made anew.
     */
    instance: number,
    /**
     * The connector's own table of the config file as a JSON object. Secrets that the file refers to stand in it in
     * clear text: do not log it.
     */
    settings: string,
  }
}
