import { setImmediate as nextTurn } from 'node:timers/promises'
import { PGlite, protocol, type QueryOptions, type Results } from '@electric-sql/pglite'

/** A statement that the database has parsed; without a name until the next one is. */
interface Prepared {
  readonly name: string
  readonly parameterTypes: readonly number[]
  readonly fields: Results['fields']
}

/** A transaction that has begun. */
export interface Begun {
  query<T>(text: string, values?: unknown[], options?: QueryOptions): Promise<Results<T>>
  end(): void
}

const { messages, serialize } = protocol
const sync = serialize.sync()

/** Each takes about 20 KB of the database's memory. */
const mostKept = 200
/** A longer text names many values one by one, and hardly comes twice. */
const longestKept = 4_000
/** A plan that suits a small table must not outlast it by much. */
const plansLastMs = 60_000
/** Rows that are changed until it is looked at whether a table has outgrown its statistics. */
const changesBetween = 50
const analyzeAfterMs = 50
/** The tables that autovacuum would analyze, small ones earlier. */
const outgrown = `SELECT relid::regclass::text AS name FROM pg_stat_user_tables
  WHERE n_mod_since_analyze > 20 + 0.2 * n_live_tup`
/** How long statements follow each other in one turn of the event loop. */
const turnMs = 10

const countOf = (commandTag: string): number =>
  Number(/^(?:INSERT \d+|UPDATE|DELETE|MERGE) (\d+)$/.exec(commandTag)?.[1] ?? 0)

/** After a change of what it names, or of what the session keeps, a statement has to be parsed anew. */
const isOutdated = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === '0A000' || error.code === '26000')

/**
 * A PGlite that parses and plans a statement once, not each time, and gives it to the database in
 * one call instead of six: parsing and planning take longer than all the rest of most statements.
 */
export class PreparedPGlite extends PGlite {
  /** By text, with those used last at the end. */
  readonly #kept = new Map<string, Prepared>()
  #named = 0
  #plannedAt = performance.now()
  #turnBegan = 0
  #changes = 0
  #analyzing: NodeJS.Timeout | undefined

  override query<T>(text: string, values?: unknown[], options?: QueryOptions): Promise<Results<T>> {
    return this.#alone(text, values, options)
  }

  /** Runs a statement while no transaction is open. */
  async #alone<T>(text: string, values?: unknown[], options?: QueryOptions): Promise<Results<T>> {
    await this._checkReady()
    return this._runExclusiveTransaction(() => this.#run<T>(text, values, options))
  }

  /**
   * Begins a transaction, which is the only one until `end` is called. COMMIT and ROLLBACK are for
   * the caller to send; without either, its end undoes it.
   */
  async begin(isolationLevel = 'READ COMMITTED'): Promise<Begun> {
    await this._checkReady()
    return new Promise((resolve, reject) => {
      const hold = async (): Promise<void> => {
        await this.#run(`BEGIN ISOLATION LEVEL ${isolationLevel}`)
        let isOpen = true
        await new Promise<void>((end) => {
          const query: Begun['query'] = (text, values, options) =>
            isOpen
              ? this.#run(text, values, options)
              : Promise.reject(new Error('the transaction has ended'))
          resolve({ query, end })
        })
        isOpen = false
        if (this.isInTransaction()) await this.#run('ROLLBACK')
      }
      this._runExclusiveTransaction(hold).catch(reject)
    })
  }

  /** Ends it behind the statement that runs: one that goes on in a closed database never ends. */
  override async close(): Promise<void> {
    clearTimeout(this.#analyzing)
    // Getting ready takes the same turn.
    await this._checkReady()
    await this.runExclusive(() => super.close())
  }

  #run<T>(text: string, values: readonly unknown[] = [], options?: QueryOptions) {
    return this.runExclusive(async (): Promise<Results<T>> => {
      // It may have been closed while this waited, and PGlite would wait for its answer for ever.
      await this._checkReady()
      await this.#giveWay()
      await this.#planAnew()
      const prepared = this.#kept.get(text) ?? (await this.#prepare(text))
      await this.#keep(text, prepared)
      const { name, parameterTypes, fields } = prepared
      const bound = values.map((value, index) => {
        if (value === null || value === undefined) return null
        const write = this.serializers[parameterTypes[index] ?? 0]
        return write ? write(value) : String(value)
      })
      const answer = await this.#send(
        serialize.bind({ statement: name, values: bound }),
        serialize.execute({}),
      ).catch((error: unknown) => {
        if (isOutdated(error)) this.#kept.delete(text)
        throw error
      })
      const readers = fields.map((field) => {
        const { dataTypeID } = field
        const read = options?.parsers?.[dataTypeID] ?? this.parsers[dataTypeID]
        return (value: string | null) => (value !== null && read ? read(value, dataTypeID) : value)
      })
      const rows: unknown[] = []
      let affectedRows = 0
      for (const message of answer)
        if (message instanceof messages.DataRowMessage) {
          const row = message.fields.map((value, index) => readers[index]?.(value))
          const named = (): [string, unknown][] =>
            fields.map(({ name }, index) => [name, row[index]])
          rows.push(options?.rowMode === 'array' ? row : Object.fromEntries(named()))
        } else if (message instanceof messages.CommandCompleteMessage)
          affectedRows += countOf(message.text)
      this.#analyzeAfter(affectedRows)
      return { rows: rows as T[], fields, affectedRows }
    })
  }

  async #prepare(text: string): Promise<Prepared> {
    const name = text.length > longestKept ? '' : `s${++this.#named}`
    let prepared: Prepared = { name, parameterTypes: [], fields: [] }
    const parse = serialize.parse({ name, text })
    for (const message of await this.#send(parse, serialize.describe({ type: 'S', name })))
      if (message instanceof messages.ParameterDescriptionMessage)
        prepared = { ...prepared, parameterTypes: message.dataTypeIDs }
      else if (message instanceof messages.RowDescriptionMessage)
        prepared = { ...prepared, fields: message.fields }
    return prepared
  }

  async #keep(text: string, prepared: Prepared): Promise<void> {
    if (prepared.name === '') return
    this.#kept.delete(text)
    this.#kept.set(text, prepared)
    const [oldest] = this.#kept
    if (this.#kept.size <= mostKept || oldest === undefined) return
    this.#kept.delete(oldest[0])
    await this.#send(serialize.close({ type: 'S', name: oldest[1].name }))
  }

  /**
   * The database answers in the same turn of the event loop, and a caller that waited may ask again in it:
   * without a pause, requests that have begun would keep all others from beginning.
   */
  async #giveWay(): Promise<void> {
    if (performance.now() - this.#turnBegan < turnMs) return
    await nextTurn()
    this.#turnBegan = performance.now()
  }

  /** Nobody else does: without statistics a plan is a matter of luck, and may take the product of all rows. */
  #analyzeAfter(changes: number): void {
    this.#changes += changes
    if (this.#changes < changesBetween) return
    this.#changes = 0
    this.#analyzing ??= setTimeout(() => {
      this.#analyzing = undefined
      this.#analyzeOutgrown().catch(() => undefined)
    }, analyzeAfterMs).unref()
  }

  async #analyzeOutgrown(): Promise<void> {
    // What was changed in the last second would be known too late.
    await this.#alone('SELECT pg_stat_force_next_flush()')
    const { rows } = await this.#alone<{ name: string }>(outgrown)
    for (const { name } of rows) await this.#alone(`ANALYZE ${name}`)
  }

  async #planAnew(): Promise<void> {
    // In a transaction that has failed, only its end is allowed.
    if (performance.now() - this.#plannedAt < plansLastMs || this.isInTransaction()) return
    this.#plannedAt = performance.now()
    await this.#send(serialize.query('DISCARD PLANS'))
  }

  #send(...parts: Uint8Array[]) {
    // A folder is written to by the statement itself, and memory has nothing behind it.
    return this.execProtocolStream(Buffer.concat([...parts, sync]), { syncToFs: false })
  }
}
