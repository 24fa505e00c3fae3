/**
 * What the control plane may ask the data plane beside statistics and connections: [what is asked, the answer], as plain values. An answer never takes
 * longer than a burst of packets may wait.
 */
import type { Explanation, FlowQuestion } from './explanation.ts';

export interface DataplaneQuestions {
  /** What would become of a flow's first packet now; nothing changes by asking. */
  explain: [FlowQuestion, Explanation];
}

export type DataplaneQuestion = keyof DataplaneQuestions;
export type Asked<Q extends DataplaneQuestion> = DataplaneQuestions[Q][0];
export type Answer<Q extends DataplaneQuestion> = DataplaneQuestions[Q][1];

/** Who answers: the data plane itself, and every link to it. */
export interface Answering {
  ask<Q extends DataplaneQuestion>(question: Q, asked: Asked<Q>): Promise<Answer<Q>>;
}
