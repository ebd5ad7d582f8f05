import { expect, test } from 'vitest'
import { createFolder, freePort, listening, start } from './program.ts'

// A shell between npm and the server would end by the signal, and leave the server running.
test.each(['SIGTERM', 'SIGINT'] as const)(
  'npm start passes %s on: the server ends',
  async (signal) => {
    const settings = { DATA_DIR: await createFolder(), PORT: String(await freePort()) }
    const server = await listening(start('npm', ['start', '--silent'], settings))
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    server.child.kill(signal)
    await server.exited
    await expect(fetch(`${server.url}/health`)).rejects.toThrow()
  },
)
