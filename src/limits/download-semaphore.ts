import { finished, type Readable } from 'node:stream'
import { rateLimited, serviceUnavailable } from '../errors.ts'

/** Each has a file or a connection to the storage open: how many there are at once in a server. */
const most = { ofWorkspace: 100, ofAll: 400 }

/** Downloads that have begun and not ended. */
export class DownloadSemaphore {
  readonly #byWorkspace = new Map<string, number>()
  #all = 0

  /**
   * Opens a content, which counts until it has ended or been given up.
   *
   * @throws RequestError RATE_LIMITED when the workspace has as many as it may, SERVICE_UNAVAILABLE
   *   when all together do, and as `open` does
   */
  async begin(workspaceId: string, open: () => Promise<Readable | null>): Promise<Readable | null> {
    const ofWorkspace = this.#byWorkspace.get(workspaceId) ?? 0
    if (ofWorkspace >= most.ofWorkspace) throw rateLimited(1)
    if (this.#all >= most.ofAll) throw serviceUnavailable(new Error(`${this.#all} downloads`))
    this.#add(workspaceId, 1)
    const end = (): void => this.#add(workspaceId, -1)
    const content = await open().catch((error: unknown) => {
      end()
      throw error
    })
    if (content === null) end()
    else finished(content, end)
    return content
  }

  #add(workspaceId: string, count: number): void {
    this.#all += count
    const ofWorkspace = (this.#byWorkspace.get(workspaceId) ?? 0) + count
    if (ofWorkspace === 0) this.#byWorkspace.delete(workspaceId)
    else this.#byWorkspace.set(workspaceId, ofWorkspace)
  }
}
