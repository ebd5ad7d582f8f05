import pg from 'pg'
import { expect, onTestFinished, test, vi } from 'vitest'
import { listen } from '../../../src/replication/listener.ts'
import { createPostgres } from '../../setup/postgres.ts'

// The driver is to refuse it.
test('a connection that listens is asked one thing at a time', async () => {
  const { url, drop } = await createPostgres('migrated')
  onTestFinished(drop)
  const heard: string[] = []
  const hearing = {
    heard: (_: string, message: string) => void heard.push(message),
    lost: (error: Error) => {
      throw error
    },
  }
  const listener = await listen({ connectionString: url }, 'one', ['some'], hearing)
  onTestFinished(() => listener.close())

  const { query } = pg.Client.prototype as { query: (...args: unknown[]) => Promise<unknown> }
  let underWay = 0
  let most = 0
  const spy = vi.spyOn(pg.Client.prototype as { query: typeof query }, 'query')
  onTestFinished(() => spy.mockRestore())
  spy.mockImplementation(function (this: unknown, ...args) {
    underWay += 1
    most = Math.max(most, underWay)
    return query.apply(this, args).finally(() => {
      underWay -= 1
    })
  })
  const messages = ['a', 'b', 'c', 'd']
  await Promise.all(messages.map((message) => listener.send([['some', message]])))
  expect(heard).toEqual(messages)
  expect(most).toBe(1)
})

test('what is asked of a connection behind something that failed fails, and the end is told once', async () => {
  const { url, drop } = await createPostgres('migrated')
  onTestFinished(drop)
  const lost: Error[] = []
  const listener = await listen({ connectionString: url }, 'one', ['some'], {
    heard: () => undefined,
    lost: (error) => void lost.push(error),
  })
  const tooLong = 'x'.repeat(8_000)
  const asked = ['a', tooLong, 'b'].map((message) => listener.send([['some', message]]))
  const answers = await Promise.allSettled(asked)
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  expect(lost.map(({ message }) => message)).toEqual(['payload string too long'])
  await listener.close()
})
