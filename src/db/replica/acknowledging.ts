import { type ChangeName, channelOf } from './messages.ts'

type Messages = readonly (readonly [channel: string, message: string])[]

/** Beyond so many a notification may be too long. */
const mostNumbers = 500

/** Acknowledges changes of others as the replica of that id; those heard of in one go together. */
export function acknowledging(
  id: string,
  send: (messages: Messages) => Promise<void> | undefined,
): (change: ChangeName) => void {
  let pending = new Map<string, number[]>()
  const flush = (): void => {
    const messages: [string, string][] = []
    for (const [by, numbers] of pending)
      for (let start = 0; start < numbers.length; start += mostNumbers) {
        const some = numbers.slice(start, start + mostNumbers)
        messages.push([channelOf(by), JSON.stringify({ kind: 'heard', by: id, numbers: some })])
      }
    pending = new Map()
    // One that does not arrive makes a writer wait its time, and the connection is over.
    send(messages)?.catch(() => undefined)
  }
  return ({ by, number }) => {
    if (pending.size === 0) setImmediate(flush)
    const numbers = pending.get(by) ?? []
    numbers.push(number)
    pending.set(by, numbers)
  }
}
