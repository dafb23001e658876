// A member of a consumer group with kafkajs, as members.py wants it.
const { Kafka, logLevel } = require('kafkajs')

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

async function run(told) {
  const kafka = new Kafka({ brokers: [told.bootstrap], clientId: 'kafkajs', logLevel: logLevel.ERROR })
  const consumer = kafka.consumer({
    groupId: told.group,
    sessionTimeout: told.session,
    heartbeatInterval: told.heartbeat,
    rebalanceTimeout: 10000,
    maxWaitTimeInMs: 100,
    ...told.config,
  })
  const read = new Map()
  consumer.on(consumer.events.REBALANCING, () => say({ assigned: [] }))
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    read.clear()
    say({ assigned: payload.memberAssignment[told.topic] ?? [] })
  })
  await consumer.connect()
  await consumer.subscribe({ topic: told.topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, heartbeat }) => {
      say({ values: batch.messages.map((message) => message.value.toString()) })
      read.set(batch.partition, String(BigInt(batch.lastOffset()) + 1n))
      await heartbeat()
    },
  })
  await new Promise((told) => process.stdin.once('data', told).once('end', told))
  const offsets = [...read].map(([partition, offset]) => ({ topic: told.topic, partition, offset }))
  if (offsets.length) await consumer.commitOffsets(offsets)
  await consumer.disconnect()
  process.exit(0)
}

run(JSON.parse(process.argv[2])).catch((failure) => {
  console.error(failure)
  process.exit(1)
})
