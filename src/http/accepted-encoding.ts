/**
 * The first of `offered`, in the server's order of preference, that an Accept-Encoding header
 * allows, or `identity` when it allows none (RFC 9110, 12.5.3). Qualities are read only as allowed
 * or not: what costs least to send is the server's choice.
 */
export function acceptedEncoding<const T extends string>(
  header: string | null,
  offered: readonly T[],
): T | 'identity' {
  const allowed = new Map(
    (header ?? '').split(',').map((item): [string, boolean] => {
      const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase())
      return [name, !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter))]
    }),
  )
  return offered.find((name) => allowed.get(name) ?? allowed.get('*') ?? false) ?? 'identity'
}
