/** What a probe through a real server is about. */
export interface PathTarget {
  /** The virtual address and port. */
  readonly address: string;
  readonly port: number;
  readonly bindAddress?: string;
  readonly bindInterface?: string;
  readonly via: {
    /** The real server. */
    readonly address: string;
    readonly method: 'route' | 'tunnel';
    readonly tunnel: { readonly type: 'ipip' | 'gue' | 'gre'; readonly port: number };
  };
}
