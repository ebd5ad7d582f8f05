/** What a header lists with its quality, which is 1 where none is given (RFC 9110, 12.4.2). */
const qualitiesOf = (header: string): Map<string, number> =>
  new Map(
    header.split(',').flatMap((item): [string, number][] => {
      const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase())
      const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
      return name === '' ? [] : [[name, Number.parseFloat(quality ?? '1') || 0]]
    }),
  )

/** The preferred one of `offered`, the first of several; undefined: none is accepted. */
function preferred<T extends string>(
  qualities: ReadonlyMap<string, number>,
  offered: readonly T[],
  ranges: readonly string[],
): T | undefined {
  // The most specific range that covers a value decides about it.
  const qualityOf = (value: T): number =>
    [value, ...ranges]
      .map((range) => qualities.get(range))
      .find((quality) => quality !== undefined) ?? 0
  const [best] = offered.toSorted((one, another) => qualityOf(another) - qualityOf(one))
  return best !== undefined && qualityOf(best) > 0 ? best : undefined
}

/** Of answers, as they are preferred. */
const codings = ['br', 'gzip', 'identity'] as const

/** The coding of an answer that an Accept-Encoding header prefers (RFC 9110, 12.5.3). */
export const acceptedCoding = (header: string | null | undefined): (typeof codings)[number] =>
  (header && preferred(qualitiesOf(header), codings, ['*'])) || 'identity'

const mediaTypes = ['application/json', 'application/graphql-response+json'] as const

/** The media types of answers: JSON for everybody, or what GraphQL over HTTP calls its own. */
export type MediaType = (typeof mediaTypes)[number]

/**
 * The media type of answers that an Accept header prefers (RFC 9110, 12.5.1), or undefined when it
 * admits neither. Of the same quality are preferred one that is named, the first named, and JSON.
 */
export function acceptedMediaType(header: string | null): MediaType | undefined {
  const qualities = qualitiesOf(header ?? '')
  if (qualities.size === 0) return mediaTypes[0]
  const place = (type: MediaType): number => [...qualities.keys(), type].indexOf(type)
  const offered = mediaTypes.toSorted((one, another) => place(one) - place(another))
  return preferred(qualities, offered, ['application/*', '*/*'])
}
