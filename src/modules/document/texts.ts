import { addAbortSignal, type Readable } from 'node:stream'
import type { ServiceContext } from '../../service-context.ts'
import { visibleDocuments } from './document.visibility.ts'
import { charsetOf, textType } from './media-type.ts'
import { contentOf, withStorage } from './store.ts'

/** A text document, as far as there was room for it. */
export interface DocumentText {
  readonly name: string
  readonly text: string
  /** Whether the end is missing. */
  readonly isCut: boolean
}

/** The beginning of a content as text, and whether there is more. */
async function beginning(
  content: Readable,
  charset: string,
  maxLength: number,
): Promise<Omit<DocumentText, 'name'>> {
  const decoder = new TextDecoder(charset)
  let text = ''
  for await (const chunk of content) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > maxLength)
      return { text: text.slice(0, maxLength).toWellFormed(), isCut: true }
  }
  return { text, isCut: false }
}

/**
 * The texts of those text documents of a session that the caller sees, oldest first, of at most so
 * many characters together: what is over is cut off at the end.
 *
 * @throws RequestError SERVICE_UNAVAILABLE when the storage cannot be read; once the signal is aborted
 */
export async function documentTexts(
  { deps, caller }: Pick<ServiceContext, 'deps' | 'caller'>,
  sessionId: string,
  maxLength: number,
  signal: AbortSignal,
): Promise<DocumentText[]> {
  const visible = await visibleDocuments(deps.prisma, caller, [sessionId])
  const rows = await deps.prisma.document.findMany({
    where: { ...visible, mediaType: { startsWith: textType } },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  })
  const texts: DocumentText[] = []
  let room = maxLength
  for (const document of rows) {
    const content = await contentOf(deps, document)
    if (content === null) continue
    const charset = charsetOf(document.mediaType)
    const read = await withStorage(deps, () =>
      beginning(addAbortSignal(signal, content), charset, room),
    )
    texts.push({ name: document.name, ...read })
    room -= read.text.length
  }
  return texts
}
