/**
 * What the control plane may ask the data plane beside statistics and connections: [what is asked, the answer], as plain values. An answer never takes
 * longer than a burst of packets may wait.
 */
import type { Explanation, FlowQuestion } from './explanation.ts';
import type { FlowBatch, RecordingRequest } from './flow-recording.ts';
import type { ShadowReport, ShadowRequest } from './shadow-report.ts';

export interface DataplaneQuestions {
  /** What would become of a flow's first packet now; nothing changes by asking. */
  explain: [FlowQuestion, Explanation];
  /** Start a shadow scheduler under an id of the asker's; false: there is no such service. `seed`: of its random numbers. */
  startShadow: [{ readonly id: number; readonly request: ShadowRequest; readonly seed: number }, boolean];
  /** What it says by now, and with `stop` for the last time; null: there is none of this id. */
  readShadow: [{ readonly id: number; readonly stop: boolean }, ShadowReport | null];
  startRecording: [{ readonly id: number; readonly request: RecordingRequest }, true];
  /** What waits to be read; `finish`: record nothing new, hand over what is open until `over`; `stop`: forget it. Null: there is none of this id. */
  readRecording: [{ readonly id: number; readonly then: 'goOn' | 'finish' | 'stop' }, FlowBatch | null];
}

export type DataplaneQuestion = keyof DataplaneQuestions;
export type Asked<Q extends DataplaneQuestion> = DataplaneQuestions[Q][0];
export type Answer<Q extends DataplaneQuestion> = DataplaneQuestions[Q][1];

/** Who answers: the data plane itself, and every link to it. */
export interface Answering {
  ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>): Promise<Answer<Q>>;
}
