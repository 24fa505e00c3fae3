/** Something a configuration reader has to say about its input. The reader goes on; `effect` is what it made of the line. */
export interface Diagnostic {
  readonly severity: 'note' | 'warning' | 'error';
  readonly file: string;
  /** From 1; 0 where there is none. */
  readonly line: number;
  readonly column: number;
  /** What is wrong, naming the thing. */
  readonly message: string;
  /** What follows from it: ignored, default taken, ... */
  readonly effect: string;
  /** Nearest known word, if one is near. */
  readonly suggestion?: string;
}
