interface Served {
  fetch(request: Request): Promise<Response>
}

/** What Prometheus reads of an application, by name and labels as they are written. */
export async function metricsOf(app: Served): Promise<ReadonlyMap<string, number>> {
  const response = await app.fetch(new Request('http://latchkey.test/metrics'))
  return readMetrics(await response.text())
}

export function readMetrics(text: string): ReadonlyMap<string, number> {
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }),
  )
}

/** Requests that were charged in a process because Redis did not answer; 0 without one. */
export const unanswered = (metrics: ReadonlyMap<string, number>): number =>
  metrics.get('latchkey_requests_limited_in_process_total') ?? 0
