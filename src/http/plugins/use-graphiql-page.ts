import { graphiqlPage, wantsGraphiql } from '../routes/graphiql/page.ts'
import type { HttpPlugin } from '../yoga.ts'

/** Shows browsers the page that explores the API. */
export function useGraphiQLPage(): HttpPlugin {
  const page = graphiqlPage()
  return {
    onRequest({ request, endResponse }) {
      return wantsGraphiql(request) ? page.respond(request).then(endResponse) : undefined
    },
  }
}
