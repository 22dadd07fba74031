/// <reference path="./danube-sink-records.d.ts" />
declare module 'danube:sink/lifecycle@0.1.0' {
  /**
   * Whether the target would take records now. Called while the host waits for a failed target to come back; it must
   * not write records. `retryable`: the host goes on waiting and asks again. `rejected` and `fatal`: the connector
   * stops.
   */
  export function healthCheck(): void;
  /**
   * Called once before the host drops an instance in good order: finish what is under way, say goodbye. Nothing is
   * called afterwards. It is not called after a trap, a missed deadline or a crash of the host.
   */
  export function shutdown(): void;
  export type SinkError = import('danube:sink/records@0.1.0').SinkError;
}
