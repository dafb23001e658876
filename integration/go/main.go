// A franz-go client that is told by JSON lines on stdin what to do and answers each with a line on stdout.
// The commands are the methods of clients/driver.py. With arguments it is a member of a consumer group instead, or runs
// transactions with sarama.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type header struct {
	Name  string  `json:"name"`
	Value *[]byte `json:"value"`
}

// Bytes are base64 in JSON; a pointer tells null from empty.
type record struct {
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp *int64   `json:"timestamp"`
	Key       *[]byte  `json:"key"`
	Value     *[]byte  `json:"value"`
	Headers   []header `json:"headers"`
}

// One transaction: records as [partition, text], the offsets that it commits, how it ends.
type transaction struct {
	Values  [][2]any         `json:"values"`
	Offsets map[string]int64 `json:"offsets"`
	Commit  bool             `json:"commit"`
}

type command struct {
	Op         string            `json:"op"`
	Bootstrap  string            `json:"bootstrap"`
	Topic      string            `json:"topic"`
	Partitions int32             `json:"partitions"`
	Config     map[string]string `json:"config"`
	Codec      string            `json:"codec"`
	Acks       string            `json:"acks"`
	Idempotent bool              `json:"idempotent"`
	Records    []record          `json:"records"`
	Partition  int32             `json:"partition"`
	Start      string            `json:"start"` // beginning, end, offset, timestamp
	At         int64             `json:"at"`
	Count      int               `json:"count"`
	Seconds    float64           `json:"seconds"`
	Committed  bool              `json:"committed"`

	Id           string        `json:"id"`
	Group        string        `json:"group"`
	Transactions []transaction `json:"transactions"`
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

var ackLevels = map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}

func value(bytes *[]byte) []byte {
	if bytes == nil {
		return nil
	}
	if *bytes == nil {
		return []byte{}
	}
	return *bytes
}

func pointer(bytes []byte) *[]byte {
	if bytes == nil {
		return nil
	}
	return &bytes
}

func (c command) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(c.Seconds*float64(time.Second)))
}

func (c command) create(ctx context.Context) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	config := map[string]*string{}
	for key, text := range c.Config {
		config[key] = &text
	}
	_, err = kadm.NewClient(client).CreateTopic(ctx, c.Partitions, 1, config, c.Topic)
	return nil, err
}

func (c command) producer(more ...kgo.Opt) (*kgo.Client, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[c.Codec]), kgo.RequiredAcks(ackLevels[c.Acks]),
		kgo.ProducerBatchMaxBytes(8 << 20), kgo.ProducerLinger(5 * time.Millisecond),
	}
	if !c.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	return kgo.NewClient(append(options, more...)...)
}

func (c command) produce(ctx context.Context) (any, error) {
	client, err := c.producer(kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(5), kgo.RecordRetries(3))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	records := make([]*kgo.Record, 0, len(c.Records))
	for _, given := range c.Records {
		record := &kgo.Record{Topic: c.Topic, Partition: given.Partition, Key: value(given.Key), Value: value(given.Value)}
		if given.Timestamp != nil {
			record.Timestamp = time.UnixMilli(*given.Timestamp)
		}
		for _, h := range given.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Name, Value: value(h.Value)})
		}
		records = append(records, record)
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := []int64{}
	for _, record := range records {
		offsets = append(offsets, record.Offset)
	}
	return offsets, nil
}

// count writes the numbers 0, 1, … to partition 0, however often the server goes away, until stdin says that it is
// enough, and answers with the acknowledged ones: [number, offset] each.
func (c command) count(enough <-chan string) (any, error) {
	client, err := c.producer()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	acknowledged := make(chan [2]int64, 1<<20)
	window := make(chan struct{}, 200)
	for number := int64(0); ; number++ {
		select {
		case <-enough:
			if err := client.Flush(context.Background()); err != nil {
				return nil, err
			}
			close(acknowledged)
			all := [][2]int64{}
			for pair := range acknowledged {
				all = append(all, pair)
			}
			return all, nil
		case window <- struct{}{}:
			record := &kgo.Record{Topic: c.Topic, Value: []byte(strconv.FormatInt(number, 10))}
			client.Produce(context.Background(), record, func(record *kgo.Record, err error) {
				if err == nil {
					acknowledged <- [2]int64{number, record.Offset}
				}
				<-window
			})
		}
	}
}

// transact writes one transaction after the other. Their offsets are committed by requests of its own: kgo does so only
// for a group that it is a member of.
func (c command) transact(ctx context.Context) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(c.Id))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for _, t := range c.Transactions {
		if err := client.BeginTransaction(); err != nil {
			return nil, err
		}
		for _, pair := range t.Values {
			record := &kgo.Record{Topic: c.Topic, Partition: int32(pair[0].(float64)), Value: []byte(pair[1].(string))}
			client.Produce(ctx, record, nil)
		}
		if err := client.Flush(ctx); err != nil {
			return nil, err
		}
		if len(t.Offsets) > 0 {
			if err := c.commitOffsets(ctx, client, t.Offsets); err != nil {
				return nil, err
			}
		}
		if err := client.EndTransaction(ctx, kgo.TransactionEndTry(t.Commit)); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (c command) commitOffsets(ctx context.Context, client *kgo.Client, offsets map[string]int64) error {
	id, epoch, err := client.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = c.Id, id, epoch, c.Group
	added, err := add.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(added.ErrorCode); err != nil {
		return err
	}
	commit := kmsg.NewTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = c.Id, id, epoch, c.Group
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic = c.Topic
	for name, offset := range offsets {
		number, err := strconv.Atoi(name)
		if err != nil {
			return err
		}
		partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		partition.Partition, partition.Offset = int32(number), offset
		topic.Partitions = append(topic.Partitions, partition)
	}
	commit.Topics = append(commit.Topics, topic)
	committed, err := commit.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, answer := range committed.Topics[0].Partitions {
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return err
		}
	}
	return nil
}

func (c command) consumer() (*kgo.Client, error) {
	offset := kgo.NewOffset()
	switch c.Start {
	case "beginning":
		offset = offset.AtStart()
	case "end":
		offset = offset.AtEnd()
	case "offset":
		offset = offset.At(c.At)
	case "timestamp":
		offset = offset.AfterMilli(c.At)
	}
	isolation := kgo.ReadUncommitted()
	if c.Committed {
		isolation = kgo.ReadCommitted()
	}
	return kgo.NewClient(kgo.SeedBrokers(c.Bootstrap), kgo.FetchMaxWait(500*time.Millisecond),
		kgo.FetchIsolationLevel(isolation),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.Topic: {c.Partition: offset}}))
}

func take(ctx context.Context, client *kgo.Client, count int) ([]record, error) {
	records := []record{}
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			headers := []header{}
			for _, h := range r.Headers {
				headers = append(headers, header{h.Key, pointer(h.Value)})
			}
			millis := r.Timestamp.UnixMilli()
			records = append(records, record{r.Partition, r.Offset, &millis, pointer(r.Key), pointer(r.Value), headers})
		})
	}
	return records, nil
}

func (c command) consume(ctx context.Context) (any, error) {
	client, err := c.consumer()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return take(ctx, client, c.Count)
}

func name(err error) string {
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

func main() {
	if len(os.Args) == 3 {
		if os.Args[1] == "transact" {
			runTransactions(os.Args[2])
		} else {
			runMember(os.Args[1], os.Args[2])
		}
		return
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	lines := make(chan string)
	go func() {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				os.Exit(0)
			}
			lines <- line
		}
	}()
	out := json.NewEncoder(os.Stdout)
	var tail *kgo.Client
	for line := range lines {
		var c command
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			panic(err)
		}
		ctx, cancel := c.context()
		var result any
		var err error
		switch c.Op {
		case "create":
			result, err = c.create(ctx)
		case "produce":
			result, err = c.produce(ctx)
		case "count":
			result, err = c.count(lines)
		case "transact":
			result, err = c.transact(ctx)
		case "consume":
			result, err = c.consume(ctx)
		case "tail":
			// A first empty poll: from here on the consumer knows where the end is.
			if tail, err = c.consumer(); err == nil {
				settle, stop := context.WithTimeout(ctx, time.Second)
				tail.PollFetches(settle)
				stop()
			}
		case "take":
			result, err = take(ctx, tail, c.Count)
		case "untail":
			tail.Close()
		}
		cancel()
		answer := map[string]any{"result": result}
		if err != nil {
			answer = map[string]any{"error": name(err), "detail": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			panic(err)
		}
	}
}
