const denialReasons: Readonly<Record<string, string>> = {
  FORBIDDEN: 'FORBIDDEN',
  insufficient_scope: 'FORBIDDEN',
  RATE_LIMITED: 'RATE_LIMITED',
}

/** What the audit calls a refusal of that code; undefined: it is none of who asked. */
export const denialReason = (code: unknown, reason: unknown): string | undefined =>
  code === 'UNAUTHENTICATED' ? String(reason) : denialReasons[String(code)]

/** A request of a known credential that was refused, with the ids that the log names it by. */
export interface Denial {
  /** Undefined, as are all ids, where no credential is known: of whose workspace would it tell? */
  readonly workspaceId?: string | undefined
  readonly keyId?: string | undefined
  readonly tokenId?: string | undefined
  readonly userId?: string | undefined
  readonly reason: string
  readonly missing?: readonly string[] | undefined
  readonly address?: string | undefined
  readonly requestId: string
}

/** What was refused to one credential for one reason; address and request are the last one's. */
export interface DenialSum extends Denial {
  readonly workspaceId: string
  readonly count: number
  readonly missing: readonly string[]
  readonly firstAt: Date
  readonly lastAt: Date
}

/** Sums of one workspace; what is refused to its other credentials is summed up by the reason alone. */
const maxOfWorkspace = 100
/** Sums of all workspaces; further denials are counted, but not told apart. */
const maxSums = 10_000

/**
 * Sums up in memory what is refused, until it is written into the audit log: however much that is,
 * by whatever credentials, it takes little memory and few events.
 */
export class DenialTally {
  #sums = new Map<string, DenialSum>()
  #ofWorkspace = new Map<string, number>()
  #lost = 0

  /** Counts one that was refused just now; nothing where no credential is known. */
  add({ workspaceId, missing = [], ...denial }: Denial): void {
    const now = new Date()
    if (workspaceId === undefined) return
    this.#merge({ ...denial, workspaceId, missing, count: 1, firstAt: now, lastAt: now })
  }

  /** Takes all sums, to be written; `lost` were too many to be told apart. */
  take(): { readonly sums: readonly DenialSum[]; readonly lost: number } {
    const taken = { sums: [...this.#sums.values()], lost: this.#lost }
    this.#sums = new Map()
    this.#ofWorkspace = new Map()
    this.#lost = 0
    return taken
  }

  /** Takes back what could not be written. */
  restore(sums: readonly DenialSum[]): void {
    for (const sum of sums) this.#merge(sum)
  }

  #merge(sum: DenialSum): void {
    const { workspaceId, reason, tokenId, keyId, userId } = sum
    const slotOf = (id = ''): string => `${workspaceId} ${reason} ${id}`
    const own = slotOf(tokenId ?? keyId ?? userId)
    const count = this.#ofWorkspace.get(workspaceId) ?? 0
    const isOwn = this.#sums.has(own) || count < maxOfWorkspace
    const slot = isOwn ? own : slotOf()
    const known = this.#sums.get(slot)
    if (known === undefined && this.#sums.size >= maxSums) {
      this.#lost += sum.count
      return
    }
    if (known === undefined) this.#ofWorkspace.set(workspaceId, count + 1)
    const all = known === undefined ? sum : added(known, sum)
    const nobody = { keyId: undefined, tokenId: undefined, userId: undefined }
    this.#sums.set(slot, isOwn ? all : { ...all, ...nobody })
  }
}

const added = (known: DenialSum, more: DenialSum): DenialSum => {
  const [earlier, later] = known.lastAt <= more.lastAt ? [known, more] : [more, known]
  return {
    ...later,
    count: known.count + more.count,
    missing: [...new Set([...known.missing, ...more.missing])],
    firstAt: earlier.firstAt,
  }
}
