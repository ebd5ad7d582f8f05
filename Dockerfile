FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY . .
# Files keep their modes: where others may not read them here, the image's user could not either.
RUN npm ci --omit=dev && chmod -R a+rX .

# The program runs on the Node that it brings.
FROM debian:bookworm-slim
RUN groupadd --gid 10001 latchkey \
  && useradd --uid 10001 --gid latchkey --home-dir /data --no-create-home --shell /usr/sbin/nologin latchkey \
  && install --directory --owner latchkey --group latchkey --mode 700 /data
WORKDIR /app
COPY --from=build /app ./
ENV NODE_ENV=production \
  DATA_DIR=/data \
  PATH=/app/node_modules/.bin:$PATH
USER 10001:10001
VOLUME /data
EXPOSE 4000
STOPSIGNAL SIGTERM
# It asks at 127.0.0.1: leave HOST unset.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 4000}/health`).then((it) => process.exit(it.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "src/server.ts"]
