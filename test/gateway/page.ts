import { readFile } from 'node:fs/promises'

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
