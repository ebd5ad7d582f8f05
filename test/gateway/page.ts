import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** The blocks of a language on a page of docs, in order. */
export async function blocksOf(page: string, language: string): Promise<string[]> {
  const text = await readFile(new URL(`../../docs/${page}`, import.meta.url), 'utf8')
  const block = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms')
  return [...text.matchAll(block)].map(([, inside = '']) => inside)
}

/** The text with these in place of others, each of which must be there. */
export function settle(text: string, places: Readonly<Record<string, string>>): string {
  let settled = text
  for (const [from, to] of Object.entries(places)) {
    if (!text.includes(from)) throw new Error(`nothing says ${from}`)
    settled = settled.replaceAll(from, to)
  }
  return settled
}

/** Stores the gateway's key as docs/gateway.md says for files of that folder, in another one. */
export async function storeKey(documented: string, folder: string, secret: string): Promise<void> {
  const blocks = await blocksOf('gateway.md', 'sh')
  const command = blocks.find((block) => block.includes(documented)) ?? ''
  const settled = settle(command, { [documented]: `${folder}/` })
  await promisify(execFile)('sh', ['-c', settled], { env: { GATEWAY: secret } })
}
