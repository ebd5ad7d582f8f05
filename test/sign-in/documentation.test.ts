import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createFolder, start, startServer } from '../process/program.ts'
import { startIdentityProvider } from '../setup/identity-provider.ts'

const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const [, section = ''] = /^## People who sign in\n(.*?)^## /ms.exec(page) ?? []
const blocksOf = (language: string): string[] =>
  [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    ([, text = '']) => text,
  )

test('the commands of docs/operations.md let a person in, as they are pasted', async () => {
  const provider = await startIdentityProvider()
  try {
    const [starting = '', ...commands] = blocksOf('sh')
    const named = [...starting.matchAll(/(\w+)=\S+/g)].map(([, name]) => name)
    expect(named).toEqual(['OIDC_ISSUER', 'OIDC_AUDIENCE'])
    const { issuer, audience } = provider
    const folder = await createFolder()
    const server = await startServer({
      DATA_DIR: folder,
      OIDC_ISSUER: issuer,
      OIDC_AUDIENCE: audience,
    })
    const address = { email: 'ada@example.com', email_verified: true }
    const { accessToken } = await provider.signIn({ sub: 'ada', ...address })

    const script = commands.join('echo\n').replace('http://127.0.0.1:4000', server.url)
    const shell = start('sh', ['-ec', script], {})
    shell.child.stdin?.end(`${server.printedKeys[0]}\n${accessToken}\n`)
    expect(await shell.exited).toBe(0)
    expect(shell.output.stderr).toBe('')
    const answers = shell.output.stdout.match(/\{.*\}/g)
    expect(answers?.[0]).toBe('{"data":{"addMember":{"errors":[]}}}')
    expect(answers?.[1]).toBe(blocksOf('text')[0]?.trim())
  } finally {
    await provider.close()
  }
})
