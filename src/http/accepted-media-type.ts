const offered = ['application/json', 'application/graphql-response+json'] as const

/** The media types of answers: JSON for everybody, or what GraphQL over HTTP calls its own. */
export type MediaType = (typeof offered)[number]

interface Range {
  readonly name: string
  readonly quality: number
}

/** What an Accept header lists, in its order; without it anything is acceptable. */
function rangesOf(header: string): Range[] {
  const ranges = header
    .toLowerCase()
    .split(',')
    .map((item) => item.split(';').map((part) => part.trim()))
    .filter(([name]) => name !== '')
    .map(([name = '', ...parameters]) => {
      const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
      return { name, quality: quality === undefined ? 1 : Number.parseFloat(quality) || 0 }
    })
  return ranges.length > 0 ? ranges : [{ name: '*/*', quality: 1 }]
}

/**
 * The media type of answers that an Accept header prefers (RFC 9110, 12.5.1), or undefined when it
 * admits neither. Of the same quality are preferred one that is named, the first named, and JSON.
 */
export function acceptedMediaType(header: string | null): MediaType | undefined {
  if (header === null) return offered[0]
  const ranges = rangesOf(header)
  const place = (type: string): number => {
    const index = ranges.findIndex(({ name }) => name === type)
    return index < 0 ? ranges.length : index
  }
  // The most specific range that covers a type decides about it.
  const qualityOf = (type: MediaType): number =>
    [type, 'application/*', '*/*']
      .map((covering) => ranges.find(({ name }) => name === covering)?.quality)
      .find((quality) => quality !== undefined) ?? 0
  return offered
    .filter((type) => qualityOf(type) > 0)
    .sort((a, b) => qualityOf(b) - qualityOf(a) || place(a) - place(b))[0]
}
